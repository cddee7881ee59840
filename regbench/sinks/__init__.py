"""Where a run shows its records, one file for each option of configs/sinks."""
