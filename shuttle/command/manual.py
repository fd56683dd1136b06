"""The manual page of the command, made from the declarations of the flags and the usage text."""

import re
import textwrap
from collections.abc import Iterator

from shuttle import __version__
from shuttle.command.flags import Flag, format_use
from shuttle.command.options import EXPLANATIONS, GROUPS, INTRODUCTION

DATE = "2026-11-27"
"""When the version was made: a day that is looked up would make each build another one."""
_SUMMARY = "forward log lines to an HTTP drain and account for each of them"
_SOURCE_WIDTH = 79  # columns of the page's source
_COMMAND_WIDTH = 72  # columns of what stands as it is typed, on a terminal of 80: the margins take 8
_ENTRY = re.compile(r"(\S.*?) {2,}(\S.*)")  # what is explained, and behind it the beginning of the explanation


def format_manual() -> str:
    """Return the page, for man(7)."""
    description, uses, examples, grammar = INTRODUCTION.strip("\n").split("\n\n")
    lines = [
        '.\\" Made by `make reference`, not by hand.',
        f'.TH LOG-SHUTTLE 1 {DATE} "log-shuttle {__version__}" "User Commands"',
        *(".SH NAME", f"log-shuttle \\- {_escape(_SUMMARY)}"),
        *(".SH SYNOPSIS", *_set_commands(uses)),
        *(".SH DESCRIPTION", *_set(description)),
        *(".SH OPTIONS", *_set(grammar)),
    ]
    for heading, flags in GROUPS.items():
        lines += [f".SS {_escape(heading)}", *(line for flag in flags for line in _describe(flag))]
    for paragraph in EXPLANATIONS.strip("\n").split("\n\n"):
        heading, _, text = paragraph.partition(":\n")
        entries = list(_set_entries(textwrap.dedent(text)))
        lines += [f".SH {heading.upper()}", *entries[entries[0] == ".PP" :]]
    lines += [".SH EXAMPLES", *_set_commands(examples)]
    return "\n".join(lines) + "\n"


def _describe(flag: Flag) -> list[str]:
    default = f" (default {flag.default})" if flag.default else ""
    return [".TP", f".B {_escape(format_use(flag))}", *_set(flag.help + default)]


def _set(text: str) -> list[str]:
    """Return a paragraph, whose lines are filled anew wherever it is read."""
    words = _escape(" ".join(text.split()))
    lines = textwrap.wrap(words, _SOURCE_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{line}" if line.startswith(".") else line for line in lines]


def _set_entries(text: str) -> Iterator[str]:
    """Yield a text of entries, what is explained and its explanation, and of paragraphs."""
    lines = text.splitlines()
    explained, said = "", ""
    for place, line in enumerate(lines):
        entry = _ENTRY.fullmatch(line)
        if line.startswith(" "):
            said += f" {line}"
            continue
        is_alone = place + 1 < len(lines) and lines[place + 1].startswith(" ") and not entry
        if not (entry or is_alone or explained):  # the paragraph goes on
            said += f" {line}"
            continue
        yield from _set_entry(explained, said)
        explained, said = (entry[1], entry[2]) if entry else (line, "") if is_alone else ("", line)
    yield from _set_entry(explained, said)


def _set_entry(explained: str, said: str) -> list[str]:
    if explained:
        return [".TP", f".B {_escape(explained)}", *_set(said)]
    return [".PP", *_set(said)] if said else []


def _set_commands(text: str) -> list[str]:
    """Return command lines as they are typed; long ones are continued."""
    lines = []
    for line in textwrap.dedent(text).splitlines():
        wrapped = textwrap.wrap(
            line, _COMMAND_WIDTH - 2, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
        lines += [f"{part} \\" for part in wrapped[:-1]] + wrapped[-1:]
    return [".nf", *map(_escape, lines), ".fi"]


def _escape(text: str) -> str:
    """Return `text` so that each character stands for itself, as it is typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    text = text.replace("`", "\\(ga").replace("~", "\\(ti").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith(".") else text
