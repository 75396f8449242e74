"""Base classes that methods of one family share. Their files count as the methods' own: results that other
code made are stale (``hashbench.identity.source``)."""
