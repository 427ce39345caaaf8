"""Tasks: images with classes, decoded once and kept as arrays."""
