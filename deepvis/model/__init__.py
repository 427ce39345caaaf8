"""A net with its weights, its preprocessing and its classes, from whatever a user gave."""
