"""What ``verify`` does unless a call says otherwise; a file apart, as the parser loads nothing else."""

SAMPLE = 5  # cells
TOLERANCE = 0.02  # how far values may be off on other hardware
