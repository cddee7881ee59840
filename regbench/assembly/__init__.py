"""A resolved configuration in, built objects out."""
