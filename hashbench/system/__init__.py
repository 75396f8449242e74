"""What the machine gives: files that are whole or absent, and the device that computes."""
