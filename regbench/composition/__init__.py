"""Words to a resolved configuration."""
