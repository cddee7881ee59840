"""What a `_target_` names: found, looked at, called; and what a person's code raises, told."""
