"""The manual page of the command, made from the declarations of the flags and the usage text."""

from shuttle import __version__
from shuttle.command.flags import Flag, format_use
from shuttle.command.options import EXPLANATIONS, GROUPS, INTRODUCTION

_SUMMARY = "forward log lines to an HTTP drain and account for every one of them"


def format_manual() -> str:
    """Return the page, for man(7)."""
    description, uses, examples, grammar = INTRODUCTION.strip("\n").split("\n\n")
    lines = [
        '.\\" Made by `make reference`, not by hand.',
        f'.TH LOG-SHUTTLE 1 "" "log-shuttle {__version__}" "User Commands"',
        *(".SH NAME", f"log-shuttle \\- {_escape(_SUMMARY)}"),
        *(".SH SYNOPSIS", *_set_as_it_is(uses)),
        *(".SH DESCRIPTION", *_set(description)),
        *(".SH OPTIONS", *_set(grammar)),
    ]
    for heading, flags in GROUPS.items():
        lines += [f".SS {_escape(heading)}", *(line for flag in flags for line in _describe(flag))]
    for paragraph in EXPLANATIONS.strip("\n").split("\n\n"):
        heading, _, text = paragraph.partition(":\n")
        lines += [f".SH {heading.upper()}", *_set_as_it_is(text)]
    lines += [".SH EXAMPLES", *_set_as_it_is(examples)]
    return "\n".join(lines) + "\n"


def _describe(flag: Flag) -> list[str]:
    default = f" (default {flag.default})" if flag.default else ""
    return [".TP", f".B {_escape(format_use(flag))}", _escape(flag.help + default)]


def _set(text: str) -> list[str]:
    return [_escape(line.strip()) for line in text.splitlines()]


def _set_as_it_is(text: str) -> list[str]:
    """Keep the ends of the lines, and the spaces in front of them but for the first two."""
    return [".nf", *(_escape(line.removeprefix("  ")) for line in text.splitlines()), ".fi"]


def _escape(text: str) -> str:
    """Return `text` so that each character stands for itself, as it is typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    text = text.replace("`", "\\(ga").replace("~", "\\(ti").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith(".") else text
