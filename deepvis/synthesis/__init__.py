"""Pictures that drive a unit, by gradient ascent."""
