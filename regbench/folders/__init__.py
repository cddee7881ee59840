"""Whose a folder is, who works in it, what may be written and what removed."""
