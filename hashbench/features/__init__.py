"""The features that shallow methods read, one a file. A file dropped here is found by its name."""
