"""Run folders in, verdicts out; torch is not needed for it."""
