"""The clean view: what is measured of a model, and how."""
