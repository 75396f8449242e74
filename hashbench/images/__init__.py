"""Images on disk: source files fetched and verified, decoded copies, and how they are split."""
