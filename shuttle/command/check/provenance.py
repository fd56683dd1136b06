"""Where each setting comes from: the command line or a variable."""

from collections.abc import Iterator, Mapping

from shuttle.command.check.finding import Finding
from shuttle.command.options import format_value
from shuttle.command.settings import Given
from shuttle.config import SETTINGS
from shuttle.core.mask import MASKED
from shuttle.core.setting import Setting, name_flag

_HIDDEN = "(not shown: it may hold a password)"


def list_settings(given: Mapping[str, Given]) -> Iterator[Finding]:
    """Yield each setting that was given, in the order of the usage, and its source."""
    for name, setting in SETTINGS.items():
        one = given.get(name)
        if one is None or (name == "logs_url" and not one.value):
            continue
        flag = name_flag(name)
        source = "the command line" if one.called == flag else one.called
        for value in one.value if setting.repeatable else (one.value,):
            yield Finding("ok", "setting", f"{_write(flag, setting, value)}, from {source}")
    yield Finding("ok", "setting", "all others have their defaults")


def _write(flag: str, setting: Setting, value: object) -> str:
    """Return how a flag with this value is written."""
    if setting.secret:
        return f"{flag} {MASKED}"
    if setting.kind == "bool":
        return flag if value else f"{flag}=false"
    return f"{flag} {hide_url(format_value(setting.kind, value))}"


def hide_url(text: str) -> str:
    """Return `text`, or a placeholder if it may be a misplaced URL with a password.

    A path from the root is none, whatever is in it: systemd has an @ in many.
    """
    return _HIDDEN if ":/" in text or ("@" in text and not text.startswith("/")) else text
