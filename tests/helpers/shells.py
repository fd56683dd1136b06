"""Real shells at a terminal: what a line becomes when somebody types it and presses a key that completes."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.process import LONGEST

TAB, ALL = "\t", "\x1b*"  # completes as far as it is clear; inserts all that is possible (in bash)
_SHOW, _CLEAR = "\x07", "\x05\x15"  # shows the line; goes to its end and removes all before that
_PROMPT = "ready to type"
_READY = re.compile(_PROMPT)
_SHOWN = re.compile(r"<<(.*)>>", re.DOTALL)

_BASH = f"""\
PS1='{_PROMPT} '
bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
bind -x '"\\C-g": printf "<<%s>>" "$READLINE_LINE"'
"""
_ZSH = f"""\
autoload -U compinit; compinit -uD
unsetopt beep
LISTMAX=0 PS1='{_PROMPT} '
show() {{ print -rn -- "<<$BUFFER>>" }}
zle -N show; bindkey '^G' show
zle -C all complete-word _generic; bindkey '\\e*' all
zstyle ':completion:all:*' insert yes
zstyle ':completion:all::::' completer _all_matches _complete
"""


def find_shell(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


@contextmanager
def run_bash(place: Path, *scripts: Path) -> Iterator["Prompt"]:
    """Yield the prompt of a bash in `place` that has read `scripts`."""
    start = place.parent / "bashrc"
    start.write_text("".join(f"source '{script}'\n" for script in scripts) + _BASH)
    with _run([find_shell("bash"), "--noprofile", "--rcfile", str(start), "-i"], place) as prompt:
        yield prompt


@contextmanager
def run_zsh(place: Path, functions: Path) -> Iterator["Prompt"]:
    """Yield the prompt of a zsh in `place` that finds `functions` before its own."""
    start = place.parent / ".zshrc"
    start.write_text(f"fpath=('{functions}' $fpath)\n{_ZSH}")
    with _run([find_shell("zsh"), "-d", "-i"], place, {"ZDOTDIR": str(start.parent)}) as prompt:
        yield prompt


class Prompt:
    """A shell that waits for a line, at the other end of `controller`."""

    def __init__(self, controller: int) -> None:
        self._controller = controller
        self._read = ""

    def type(self, keys: str) -> str:
        """Return what the line is after these keys, and begin a new one."""
        os.write(self._controller, (keys + _SHOW).encode())
        line = self.wait_for(_SHOWN)[1]
        os.write(self._controller, _CLEAR.encode())
        return line

    def wait_for(self, wanted: re.Pattern[str]) -> re.Match[str]:
        """Return what was found, and pass over all before it."""
        ends = time.monotonic() + LONGEST
        while not (found := wanted.search(self._read)):
            assert select.select([self._controller], [], [], max(0.0, ends - time.monotonic()))[0], self._read
            self._read += os.read(self._controller, 1 << 16).decode(errors="replace")
        self._read = self._read[found.end() :]
        return found


def ask_fish(typed: str, place: Path, script: Path) -> list[str]:
    """Return what fish offers in place of the last word of `typed`. It says nothing else."""
    command = 'source $argv[1]; complete -C "$argv[2]"'
    done = subprocess.run(
        [find_shell("fish"), "-N", "-c", command, str(script), typed],
        cwd=place,
        env=_environ({"XDG_CONFIG_HOME": str(place.parent), "XDG_DATA_HOME": str(place.parent)}),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=True,
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def _environ(more: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"} | dict(more)


@contextmanager
def _run(command: Sequence[str], place: Path, environ: Mapping[str, str] | None = None) -> Iterator[Prompt]:
    controller, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            command,
            cwd=place,
            env=_environ(environ or {}),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as shell:
            try:
                prompt = Prompt(controller)
                prompt.wait_for(_READY)
                yield prompt
            finally:
                shell.kill()
    finally:
        os.close(terminal)
        os.close(controller)
