"""Plugins: how they are found, and how to start a new one."""
