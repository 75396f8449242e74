"""Features, one a file: what makes rows of images. A file dropped here is found by its name."""
