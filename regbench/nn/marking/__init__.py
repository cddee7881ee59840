"""Sites for models that mark none: found by type or by name, put in place, the model's weights and names kept."""
