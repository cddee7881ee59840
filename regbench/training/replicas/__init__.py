"""Several runs that differ only in their seed and in numbers, trained at once."""
