"""The training loop that every deep method shares."""
