"""A sweep that is run and reported on."""
