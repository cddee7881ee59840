"""Regularizers, losses of their own among them: one file for each technique of `configs/reg`."""
