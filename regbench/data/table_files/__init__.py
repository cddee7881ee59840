"""What a table of columns becomes: its rows read, its columns understood, its inputs learned from train."""
