"""The demonstration: `demo/app.py | log-shuttle`, a drain that fails at first, and SIGTERM in the middle.

It is a deploy on a bad day. At the end the books are compared: what the application says it wrote, the forwarder's
ledger, and what the drain has. The exit code is 0 if they agree and 1 if they do not.
"""
# ruff: noqa: S603, T201 - it starts the three programs that it is about, and prints what it shows

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

REFUSALS = 3  # requests that the drain answers 503 to
RUNNING = 3.5  # seconds until all are told to stop; three refusals are over in two
PATIENCE = 20.0  # seconds for each of them to end; one is enough unless something is wrong

_HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent  # where this environment's commands are
_FOREIGN = re.compile(r"LOG_SHUTTLE_.*|.*_proxy", re.IGNORECASE)  # a setting or a proxy of the user's would reach in
_ENVIRON = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
_COLOURS = {"app": 33, "shuttle": 36, "drain": 32}  # yellow, cyan, green
_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ
_HIDDEN = " at=post "  # the line for each attempt that -verbose brings beside the ledger
_NUMBER = re.compile(r"(\w+)=(\d+)")


class Program:
    """A process whose lines are shown, its name before each; `told` is the last of its stderr."""

    def __init__(
        self, name: str, *command: str | Path, stdin: IO[bytes] | None = None, piped: bool = False, apart: bool = False
    ) -> None:
        """Start `command`. With `piped` its stdout is left for another to read; with `apart` no Ctrl-C reaches it."""
        self.told = ""
        self._label = f"\x1b[{_COLOURS[name]}m{name:>7} |\x1b[0m" if _COLOURED else f"{name:>7} |"
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRON,
            start_new_session=apart,
        )
        assert self.process.stdout
        assert self.process.stderr
        self.stdout = self.process.stdout
        self._speaking = threading.Event()
        self._threads = [self._follow(self.process.stderr, self._note)]
        if not piped:
            self._threads.append(self._follow(self.stdout, self._show))

    def _follow(self, stream: IO[bytes], take: Callable[[str], None]) -> threading.Thread:
        def follow() -> None:
            for line in stream:
                take(line.decode("utf-8", "replace").rstrip("\n"))

        thread = threading.Thread(target=follow)
        thread.start()
        return thread

    def _note(self, line: str) -> None:
        if _HIDDEN not in line:
            self._show(line)
        self.told = line
        self._speaking.set()

    def _show(self, line: str) -> None:
        say(f"{self._label} {line}")

    def hear(self) -> str:
        """Return the first line of its stderr as soon as it is there."""
        self._speaking.wait(PATIENCE)
        return self.told

    def finish(self) -> int:
        """Wait until it has ended and its last line is shown; return its exit code."""
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join()
        return code


def say(text: str) -> None:
    """Print `text` in one piece, so that two threads' lines do not mix."""
    print(f"{text}\n", end="", flush=True)


def main() -> int:
    """Run the demonstration and return the exit code."""
    drain = Program("drain", _BIN / "log-shuttle-drain", "-port", "0", "-status", "503", "-times", str(REFUSALS))
    url = drain.hear().rpartition(" ")[2]
    say(f"\n$ python demo/app.py | log-shuttle -logs-url {url}    # the first {REFUSALS} requests get 503\n")
    app = Program("app", sys.executable, _HERE / "app.py", piped=True)
    flags = ("-logs-url", url, "-appname", "shop", "-procid", "web.1", "-verbose")
    shuttle = Program("shuttle", _BIN / "log-shuttle", *flags, stdin=app.stdout)
    app.stdout.close()  # the pipe is theirs now
    programs = {"app": app, "shuttle": shuttle, "drain": drain}
    try:
        time.sleep(RUNNING)
        say("\n$ kill -TERM app log-shuttle    # both at once, as when a dyno stops\n")
        app.process.terminate()
        shuttle.process.terminate()
        codes = [app.finish(), shuttle.finish()]
        drain.process.terminate()
        codes.append(drain.finish())
    except subprocess.TimeoutExpired as error:
        say(f"\nIt does not end: {error}")
        return 1
    finally:
        for program in programs.values():
            program.process.kill()
    return compare({name: program.told for name, program in programs.items()}, codes)


def compare(told: Mapping[str, str], codes: list[int]) -> int:
    """Print the three books and return 0 if they agree: every line is there, none twice."""
    say("\nThe books:")
    say(f"  app          {told['app']}")
    say(f"  log-shuttle  {told['shuttle'].partition(' at=ledger ')[2]}")
    say(f"  drain        {told['drain'].partition(': ')[2]}")
    ledger, drain = (dict(_NUMBER.findall(told[name])) for name in ("shuttle", "drain"))
    written = told["app"].partition(" ")[0]
    agreed = (
        codes == [0, 0, 0]
        and written == ledger.get("read") == ledger.get("delivered") == drain.get("messages")
        and drain.get("refused") == str(REFUSALS)
        and drain.get("duplicates") == "0"
    )
    if not agreed:
        say(f"They DO NOT agree, or one did not end well (exit codes {codes}).")
        return 1
    say(f"They agree: {REFUSALS} requests were refused, SIGTERM came in the middle, and no line is missing.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
