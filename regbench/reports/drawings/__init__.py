"""What the drawings show, as plain values."""
