"""Suites: named grids, one TOML file each."""
