"""Models: one file for each family of `configs/model`."""
