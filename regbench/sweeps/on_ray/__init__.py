"""Jobs of a sweep as tasks of Ray's: sent to a process that speaks with it, worked at, and collected."""
