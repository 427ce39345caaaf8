"""Experiments that show how much less a network forgets with per-filter rates."""
