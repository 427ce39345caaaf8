"""The Deep Visualization Toolbox: live window, offline scan, statistics."""
