"""What a `_target_` names: found, checked, called; and what a person's code raises, told."""
