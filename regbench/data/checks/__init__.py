"""What is told of a dataset beside its rows: labels and rows that are seldom meant."""
