"""Values among which a validation part chooses, the same rates for every method."""

BASE_LRS = (0.0005, 0.002, 0.008)
BASE_LR = {"base_lr": BASE_LRS}
"""Of every method without a strength of its own; others combine the rates with four strengths."""
