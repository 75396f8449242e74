"""The tasks of hashbench, one a file, each with its protocols. A file dropped here is found by its name."""
