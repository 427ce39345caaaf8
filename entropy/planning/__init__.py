"""From H to a learning-rate multiplier for every filter: transfer functions, thresholds, the quantiser, plans."""
