"""What completions offer: the flags of a program that are not deprecated, and what may stand as the value of each."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shuttle.command.flags import OFFLINE, ONLINE, Flag

_BOOLS = ("true", "false")
_BARE = ("bool", "check")  # kinds that take a value by = alone
_PATHS = ("PATH", "FILE", "PATTERN")  # what flags call their values that are files


class Program(NamedTuple):
    """A command whose command line is completed."""

    name: str
    flags: Sequence[Flag]
    wraps: bool = False
    """Whether a command with its own arguments stands behind a `--`."""

    @property
    def function(self) -> str:
        """The name of the shell's function that completes it."""
        return "_" + self.name.replace("-", "_")

    def list_offered(self) -> Iterator[tuple[str, Flag]]:
        """Yield each name of each flag that is offered, and the flag."""
        return ((name, flag) for flag in self.flags if not flag.deprecated for name in (flag.name, *flag.aliases))

    def list_taking(self) -> list[str]:
        """Return the names of the flags whose value may be the next word."""
        return [name for flag in self.flags if not is_bare(flag) for name in (flag.name, *flag.aliases)]

    def group_by_value(self) -> dict["Offer", list[str]]:
        """Return by what may stand as their value the names of the flags that are offered."""
        groups: dict[Offer, list[str]] = {}
        for name, flag in self.list_offered():
            groups.setdefault(find_offer(flag), []).append(name)
        return groups


class Offer(NamedTuple):
    """What may stand as the value of a flag; without any of these nothing is known of it."""

    words: tuple[str, ...] = ()
    files: bool = False
    directories: bool = False


def find_offer(flag: Flag) -> Offer:
    """Return what may stand as the value of `flag`."""
    match flag.kind:
        case "bool":
            return Offer(_BOOLS)
        case "check":
            return Offer((ONLINE, OFFLINE))
    if flag.metavar == "DIR":
        return Offer(directories=True)
    return Offer(flag.choices, files=flag.kind == "path" or flag.metavar in _PATHS)


def is_bare(flag: Flag) -> bool:
    """Return whether `flag` takes a value by = alone."""
    return flag.kind in _BARE
