"""Pure functions on batches of images."""
