"""log-shuttle around an application on a terminal: keys and passwords work as they would without it."""

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.process import COMMAND, LONGEST, clean_environ

pytestmark = [pytest.mark.process, pytest.mark.skipif(not shutil.which("bash"), reason="bash has job control")]

# Says each interrupt it gets, and ends at the second TERM; asks for a password first if it is told to.
APPLICATION = """
import getpass, signal, sys
def say(number, _):
    print("got", signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
    signal.signal(number, say)
print("password", getpass.getpass()) if sys.argv[1:] else print("ready")
sys.stdout.flush()
while True:
    signal.pause()
"""


class Terminal:
    """An interactive shell on a terminal of its own."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._said = b""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def expect(self, pattern: str) -> re.Match[bytes]:
        """Wait until it shows what matches `pattern`, and return that; what comes next is looked for behind it."""
        until = time.monotonic() + LONGEST
        while not (found := re.search(pattern.encode(), self._said)):
            ready, _, _ = select.select([self._master], [], [], until - time.monotonic())
            assert ready, self._said
            self._said += os.read(self._master, 4096)
        self._said = self._said[found.end() :]
        return found


@contextmanager
def interactive_shell() -> Iterator[Terminal]:
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], clean_environ() | {"PS1": "$ ", "TERM": "dumb"})
    try:
        terminal = Terminal(master)
        terminal.expect(r"\$ ")
        yield terminal
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def wrap(url: str, *args: str) -> str:
    script = APPLICATION.strip().replace("'", "'\\''")
    command = " ".join([*COMMAND, "-logs-url", url, "--", sys.executable, "-c", f"'{script}'", *args])
    return command.replace("\n", "'$'\\n''")


def test_ctrl_c_reaches_the_application_once() -> None:
    with LocalDrain() as drain, interactive_shell() as terminal:
        terminal.type(wrap(drain.url) + "; echo code=$?\n")
        assert drain.wait_for(messages=1)
        terminal.type("\x03")
        assert drain.wait_for(messages=2)
        terminal.type("\x03")
        assert drain.wait_for(messages=3)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.type("kill -TERM $(jobs -p); fg; echo code=$?\n")
        terminal.expect("code=5")
    interrupts = [message for message in drain.messages if message == b"got SIGINT\n"]
    assert len(interrupts) == 2


def test_ctrl_z_stops_both_and_fg_goes_on() -> None:
    with LocalDrain() as drain, interactive_shell() as terminal:
        terminal.type(wrap(drain.url) + "\n")
        assert drain.wait_for(messages=1)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.type("ps -o stat= --ppid $(jobs -p); ps -o stat= -p $(jobs -p); echo shown\n")
        assert terminal.expect(r"\n(T\S*)\s+(T\S*)\s+shown")
        terminal.type("fg\n")
        assert drain.wait_for(messages=2)
        terminal.type("\x03")
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.type("kill -TERM $(jobs -p); fg; echo code=$?\n")
        terminal.expect("code=5")
    assert b"got SIGCONT\n" in drain.messages
    assert drain.messages.count(b"got SIGINT\n") == 1


def test_a_password_can_be_asked_for() -> None:
    with LocalDrain() as drain, interactive_shell() as terminal:
        terminal.type(wrap(drain.url, "ask") + "\n")
        terminal.expect("Password: ")
        terminal.type("secret\n")
        assert drain.wait_for(messages=1)
    assert drain.messages == [b"password secret\n"]
