"""The demo: the whole idea on real photographs in a few minutes."""
