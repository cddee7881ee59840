"""The catalogue for a loop of one's own: stacks, their application step by step, the audit, the gap."""
