"""Go's flag grammar: `-x v`, `-x=v` and `--x`, typed values, and the flags' part of a usage text.

Strategy: somebody who mistypes a command line with a URL or a token gets a useful line on stderr, where logs are
kept. So an error never quotes what may hold a credential: no value of a secret flag, nothing after the `=` of an
unknown flag, and no text that looks like a URL with a user in it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from shuttle.core.setting import Kind
from shuttle.errors import UsageError, quote

FlagKind = Kind | Literal["check"]
"""How a value is written on the command line; `check` says how far one goes."""

Value = str | Path | int | float | bool | tuple[str, ...]

_INT_LIMIT = 2**63  # Go's int, and its durations in nanoseconds
_WIDTH = 100  # columns of the usage
_INDENT = 28  # columns of the usage before a flag's explanation

_BOOLS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "false", "FALSE", "False"), False
)
ONLINE, OFFLINE = "online", "offline"  # how far a check goes; it is an empty text where none is wanted
_CHECKS = {ONLINE: ONLINE, OFFLINE: OFFLINE} | {word: ONLINE if wanted else "" for word, wanted in _BOOLS.items()}
# Kinds that need no value, and take one by = alone.
_BARE: dict[FlagKind, Mapping[str, object]] = {"bool": _BOOLS, "check": _CHECKS}
_UNITS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}  # nanoseconds
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30}  # whether "iB", "B" or nothing stands behind it
# As text: `re` compiles each when it is first used; most command lines need none.
_INT = r"[+-]?(?:(?P<octal>0(?:_?[0-7])*)|0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[1-9](?:_?[0-9])*)"
_SIZE = r"(.*)([KMG])(?:i?B)?"
_QUANTITY = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = rf"(?P<sign>[+-]?)(?:0|(?P<quantities>(?:{_QUANTITY})+))"
_URL = "URL"  # what a flag that takes one calls its value
_OF_FLAGS = "only flags and their values are accepted (a value with spaces needs quotes)"
_NAME = r"[A-Za-z0-9_.-]{1,40}"


class Flag(NamedTuple):
    """One flag: how it is written, what it takes and what it sets."""

    name: str
    kind: FlagKind
    metavar: str = ""
    """What the usage calls the value; by default the kind's own word."""
    help: str = ""
    default: str = ""
    """The default as the usage shows it."""
    field: str = ""
    """The keyword it sets; by default the name with `_` for `-`."""
    aliases: tuple[str, ...] = ()
    """Other names of it."""
    secret: bool = False
    """Whether the value is a credential, which no error shows."""
    deprecated: str = ""
    """The text of the warning that a use of the flag deserves."""
    final: bool = False
    """Whether what follows a true value of it is left unread, as behind `-h`."""
    repeatable: bool = False
    """Whether each use adds a value; its variable has them between colons, as PATH has."""
    choices: tuple[str, ...] = ()
    """The values that it accepts, if they are few."""

    @property
    def keyword(self) -> str:
        """The keyword that the flag sets."""
        return self.field or self.name.replace("-", "_")


def parse_value(flag: Flag, text: str, *, given_as: str) -> Value:
    """Return the value that `text` is for `flag`: durations in seconds, sizes in bytes.

    Raises:
        UsageError: The flag's kind does not accept `text`. `given_as` is what the error calls the flag.
    """
    word = _WORDS[flag.kind]
    try:
        return word.read(text)
    except (ValueError, OverflowError) as error:
        shown = "(not shown)" if flag.secret else quote(text)
        accepts = str(error) if isinstance(error, OverflowError) else word.accepts
        raise UsageError(f"{given_as} {shown}: must be {accepts}") from None


class CommandLine(NamedTuple):
    """What a command line says."""

    flags: dict[str, Value]
    """The value of each flag, by the flag's name, in the order of their last use, which wins."""
    command: tuple[str, ...]
    """The words after a `--`."""
    wraps: bool = False
    """There is a `--`."""


def parse_flags(argv: Sequence[str], flags: Sequence[Flag]) -> dict[str, Value]:
    """Return the value of each flag in `argv`, by the flag's name, in the order of their last use, which wins.

    Raises:
        UsageError: A flag is unknown, a value is missing or not accepted, or an argument belongs to no flag.
    """
    line = _parse(argv, flags, _OF_FLAGS)
    if line.command:
        raise UsageError(_describe_leftover(line.command[0], None, flags, _OF_FLAGS))
    return line.flags


def parse_command_line(argv: Sequence[str], flags: Sequence[Flag]) -> CommandLine:
    """Return what `argv` says: flags, and a command behind a `--`.

    Raises:
        UsageError: A flag is unknown, a value is missing or not accepted, or an argument before the `--` belongs to no
            flag.
    """
    return _parse(argv, flags, f"{_OF_FLAGS}; an application goes after --: log-shuttle [flags] -- app args")


def _parse(argv: Sequence[str], flags: Sequence[Flag], hint: str) -> CommandLine:
    """Do that; an error about an argument that belongs to no flag ends with `hint`."""
    known = {name: flag for flag in flags for name in (flag.name, *flag.aliases)}
    values: dict[str, Value] = {}
    arguments = iter(argv)
    before: Flag | None = None
    wraps = False
    for argument in arguments:
        wraps = argument == "--"
        if wraps:
            break
        if argument == "-" or not argument.startswith("-"):
            raise UsageError(_describe_leftover(argument, before, flags, hint))
        name, equals, text = argument.removeprefix("-").removeprefix("-").partition("=")
        before = known.get(name)
        if before is None:
            raise UsageError(_describe_unknown(name, known))
        earlier = values.pop(before.name, ())  # keeps the order of the last uses
        value = _take_value(before, text if equals else None, arguments)
        values[before.name] = (*earlier, str(value)) if before.repeatable and isinstance(earlier, tuple) else value
        if before.final and values[before.name]:
            return CommandLine(values, ())
    return CommandLine(values, tuple(arguments), wraps=wraps)


def _take_value(flag: Flag, text: str | None, arguments: Iterator[str]) -> Value:
    """Parse the value after `=`, or the next argument; a flag that needs no value is true without `=`."""
    if text is None:
        text = "true" if flag.kind in _BARE else next(arguments, None)
    if text is None:
        raise UsageError(f"-{flag.name} has no value: it takes {_WORDS[flag.kind].accepts}")
    return parse_value(flag, text, given_as=f"-{flag.name}")


def _describe_leftover(argument: str, before: Flag | None, flags: Sequence[Flag], hint: str) -> str:
    """Describe an argument that is no flag's value without quoting it: it may be the rest of a credential."""
    if before and argument in _BARE.get(before.kind, ()):
        return f"unexpected {argument!r} after -{before.name}: its value takes =: -{before.name}={argument}"
    place = "" if not before else f" after -{before.name}" + ("" if before.kind in _BARE else " and its value")
    takes_url = next((flag for flag in flags if flag.metavar == _URL), None)
    if takes_url and takes_url is not before and argument.lower().startswith(("http://", "https://")):
        hint = f"a URL is given as {format_use(takes_url)}"
    return f"unexpected argument{place}: {hint}"


def _describe_unknown(name: str, known: Mapping[str, Flag]) -> str:
    negated = known.get(name.removeprefix("no-"))
    if negated and negated.kind == "bool" and not negated.final:
        nearest = [f"{negated.name}=false"]
    else:
        import difflib  # noqa: PLC0415  # start-up: only mistakes need it

        nearest = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean -{nearest[0]}?" if nearest else ""
    shown = f"-{name}" if re.fullmatch(_NAME, name) else "(not shown: it may hold a password)"
    return f"unknown flag {shown}{hint}"


def format_help(groups: Mapping[str, Sequence[Flag]]) -> str:
    """Return the flags' part of a usage text: under each heading its flags, explained, with their defaults."""
    return "\n\n".join("\n".join([heading + ":", *map(_format_flag, flags)]) for heading, flags in groups.items())


def format_use(flag: Flag) -> str:
    """Return how `flag` is written: `-wait DURATION`, or `-h, -help`."""
    names = ", ".join(f"-{name}" for name in (flag.name, *flag.aliases))
    return f"{names} {name_value(flag)}".rstrip()


def name_value(flag: Flag) -> str:
    """Return the usage's name for the value of `flag`; an empty text if it needs none."""
    return flag.metavar or _WORDS[flag.kind].metavar


def _format_flag(flag: Flag) -> str:
    import textwrap  # noqa: PLC0415  # start-up: only the usage needs it

    written = f"  {format_use(flag)}"
    text = flag.help + (f" (default {flag.default})" if flag.default else "")
    indent = " " * _INDENT
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    if not lines:
        return written
    if len(written) + 2 > _INDENT:
        return "\n".join([written, *lines])
    return "\n".join([written + lines[0][len(written) :], *lines[1:]])


def _read_path(text: str) -> Path:
    if not text:  # it would be the current directory
        raise ValueError(text)
    return Path(text)


def _read_bool(text: str) -> bool:
    if text not in _BOOLS:
        raise ValueError(text)
    return _BOOLS[text]


def _read_check(text: str) -> str:
    if text not in _CHECKS:
        raise ValueError(text)
    return _CHECKS[text]


def _read_int(text: str) -> int:
    match = re.fullmatch(_INT, text)
    if not match:
        raise ValueError(text)
    number = int(text, 8 if match["octal"] else 0)  # Python's base 0 refuses the octal of a leading 0
    return _bound(number)


def _read_size(text: str) -> int:
    match = re.fullmatch(_SIZE, text)
    if not match:
        return _read_int(text)
    return _bound(_read_int(match[1]) * _BINARY[match[2]])


def _bound(number: int) -> int:
    if not -_INT_LIMIT <= number < _INT_LIMIT:
        raise OverflowError(f"less than {_INT_LIMIT}")
    return number


def _read_duration(text: str) -> float:
    match = re.fullmatch(_DURATION, text)
    if not match:
        raise ValueError(text)
    total = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_QUANTITY, match["quantities"] or ""))
    if total >= _INT_LIMIT:
        raise OverflowError("at most 2562047h, which is 292 years")
    return (-total if match["sign"] == "-" else total) / 1e9


class _Word(NamedTuple):
    metavar: str
    accepts: str
    read: Callable[[str], Value]


_WORDS: dict[FlagKind, _Word] = {
    "string": _Word("TEXT", "a text", str),
    "path": _Word("FILE", "a path, such as /var/lib/log-shuttle", _read_path),
    "int": _Word("N", "a whole number, such as 500, 1_000 or 0x10", _read_int),
    "size": _Word(
        "SIZE", "a number of bytes, such as 65536, 64KiB, 64KB or 64K, which are all the same, or 1G", _read_size
    ),
    "duration": _Word("DURATION", "a duration with its unit, such as 250ms, 1.5s, 1m30s or 0", _read_duration),
    "bool": _Word("", "true or false (or 1, t, T, TRUE, True, 0, f, F, FALSE, False)", _read_bool),
    "check": _Word("", "online, offline, true or false", _read_check),
}
