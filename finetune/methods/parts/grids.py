"""Values among which a validation part chooses."""

BASE_LR = {"base_lr": (0.0005, 0.002, 0.008)}
"""Of every method without a hyper-parameter of its own."""
