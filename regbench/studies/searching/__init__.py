"""A search over stacks: its space, its trials, the finalists, the winner on fresh seeds."""
