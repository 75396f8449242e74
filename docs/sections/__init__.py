"""The sections of ``docs/reproduction.md``."""
