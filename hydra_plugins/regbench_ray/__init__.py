"""What Hydra finds of regbench by itself; each process that composes imports it, so it stays light."""
