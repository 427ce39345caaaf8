"""From what a data set gives for one image to the input blob, and back."""
