"""One command for a person in a hurry: a plan, a race, a search, an ablation, and a page."""
