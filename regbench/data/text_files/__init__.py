"""Sentences: read from tables, cut into words, numbered."""
