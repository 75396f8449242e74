"""Exact evaluation of codes."""
