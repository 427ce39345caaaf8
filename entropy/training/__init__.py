"""A plan in training without a split net: any torch optimizer, a torchcaffe solver, plans in mid-training."""
