"""The errors that reach a user, each one line, and how such a line quotes a value."""

_LONGEST_QUOTED = 60  # characters: enough to recognise a value, and the error stays a line


class ConfigError(ValueError):
    """A setting that cannot be used.

    The text is one line: it names the flag, the value and what is accepted, and never holds a credential.
    The command exits with 1.
    """


class UsageError(ConfigError):
    """A command line that cannot be read: an unknown flag or a value that its kind does not parse. Exit 2."""


class ApplicationError(Exception):
    """An application that cannot be started. The text is one line, and `code` is the exit code that shells use."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def quote(text: str) -> str:
    """Return `text` as an error may quote it: on one line, cut if it is long, left out if it may hold a credential."""
    if ":/" in text or "@" in text:  # one slash: pathlib makes one of the two in a URL
        return "(not shown: it may hold a password)"
    if text.startswith("-") and "=" in text:  # another flag, taken for a value
        return quote(text.partition("=")[0])
    return repr(text if len(text) <= _LONGEST_QUOTED else text[:_LONGEST_QUOTED] + "...")
