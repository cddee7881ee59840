"""What a person types, and sees: options, tables that fit, bars, streams that may be closed."""
