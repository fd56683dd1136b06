"""Rules for the values of settings: a test, and the text of the error."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

LONGEST_MSGID = 4096  # bytes, structured data included: room for a line is left in every frame

_SD_NAME = r"[!#-<>-\\^-~]{1,32}"  # PRINTUSASCII without = ] and "
_SD_PARAM = rf'{_SD_NAME}="(?:[ !#-\[^-~]|\\[ -~])*"'
_SD_ELEMENT = rf"\[{_SD_NAME}(?: {_SD_PARAM})*\]"


class Rule(NamedTuple):
    """What a value must be."""

    text: str
    """As an error says it: `must be 1 or more`."""
    accepts: Callable[[Any], object]
    """Whether a value will do: what it returns is true or false."""
    choices: tuple[str, ...] = ()
    """All values that will do, if they are few."""


def matching(pattern: str, text: str) -> Rule:
    """Accept values that `pattern` matches completely. It is compiled for the first value that is not the default."""
    return Rule(text, lambda value: re.fullmatch(pattern, value))


def at_least(lowest: int, meaning: str = "") -> Rule:
    """Accept numbers from `lowest` on; `meaning` explains the lowest."""
    return Rule(f"must be {lowest}{meaning} or more", lambda value: value >= lowest)


def between(lowest: int, highest: int) -> Rule:
    """Accept numbers from `lowest` to `highest`."""
    return Rule(f"must be from {lowest} to {highest}", lambda value: lowest <= value <= highest)


def one_of(*values: str) -> Rule:
    """Accept `values`. The text does not name the empty value, which stands for no choice."""
    *others, last = filter(None, values)
    text = f"{others[0]} or {last}" if len(others) == 1 else f"one of {', '.join([*others, last])}"
    return Rule(f"must be {text}", values.__contains__, (*others, last))


def printable(longest: int, section: str) -> Rule:
    """Accept 1 to `longest` characters from ! to ~, as in a field of the header; `section` of RFC 5424 defines it."""
    text = f"must be 1 to {longest} printable ASCII characters without spaces (RFC 5424, {section})"
    return matching(rf"[!-~]{{1,{longest}}}", text)


TOKEN = matching(r"|[!-~]|[!-~][ -~]*[!-~]", "must be printable ASCII")
"""The value of an HTTP header, or none."""
PRIVAL = matching(r"0|[1-9][0-9]?|1[0-8][0-9]|19[01]", "must be a number from 0 to 191 (RFC 5424, 6.2.1)")
SYSLOG_VERSION = matching(r"[1-9][0-9]{0,2}", "must be a number from 1 to 999 (RFC 5424, 6.2.2)")
_MSGID = rf"[!-~]{{1,32}}(?: (?:-|(?:{_SD_ELEMENT})+))?"
MSGID = Rule(
    f"must be 1 to 32 printable ASCII characters, then ' -' or structured data, if any: {LONGEST_MSGID} in all",
    lambda value: len(value) <= LONGEST_MSGID and re.fullmatch(_MSGID, value),
)
"""MSGID, and structured data behind it (RFC 5424, 6.2.7 and 6.3)."""
