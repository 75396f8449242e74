"""Tasks, one a file: what is asked of a fitted method. A file dropped here is found by its name."""
