"""Sites for models that mark none: found by type or by name, put in place, weights and names kept."""
