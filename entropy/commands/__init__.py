"""The commands of ``python -m entropy``, one file each, and what they print and draw."""
