"""The one exception of our own."""


class ConfigError(ValueError):
    """A person's mistake, told in one sentence that begins with the config key."""
