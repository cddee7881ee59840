"""The loop, and the proof before it that each regularizer acts."""
