"""Protocols, splits, decoded images and the features shallow methods read."""
