"""The errors that reach a user, each one line."""


class ConfigError(ValueError):
    """A setting that cannot be used.

    The text is one line: it names the flag, the value and what is accepted, and never holds a credential.
    The command exits with 1.
    """


class UsageError(ConfigError):
    """A command line that cannot be read: an unknown flag or a value that its kind does not parse. Exit 2."""
