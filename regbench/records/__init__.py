"""What a run leaves, as values; neither torch nor Hydra is needed for it."""
