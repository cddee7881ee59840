"""Wrong inputs, drawn by a seed, and what must hold of every answer: the battery of scripts/fuzz."""
