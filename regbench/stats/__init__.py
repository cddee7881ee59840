"""Numbers in, numbers out: tests, intervals, power."""
