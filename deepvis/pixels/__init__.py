"""A preprocessing as it is measured, edited, written out and found."""
