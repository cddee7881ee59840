"""Findings, told: in words, in tables, as a page, on paper, as files."""
