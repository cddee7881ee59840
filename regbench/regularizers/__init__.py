"""Regularizers: one file for each technique of `configs/reg`."""
