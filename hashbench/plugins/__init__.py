"""Plugins: how they are found, and how a new one is begun."""
