"""The window's state, without Qt: what the user wants to see, what there is, and what follows from both."""
