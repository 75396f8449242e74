"""Backbones, one a file; the stem is the name."""
