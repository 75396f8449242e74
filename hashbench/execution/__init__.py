"""Cells, grids and how they run."""
