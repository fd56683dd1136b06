"""The programs under measurement: this project, and peers that take the same flags."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import syslog_ng

ROOT = Path(__file__).parent.parent
OWN = "log-shuttle"
_OWN_VARIABLES = ("LOGS_URL", "LOGPLEX_URL", "LOG_SHUTTLE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OWN_VARIABLES)}
"""What programs are started with: nothing that would configure them."""


@dataclass(frozen=True, slots=True)
class Program:
    """A name, and a command to which flags are appended."""

    name: str
    command: tuple[str, ...]

    def read_version(self) -> str:
        """Return the first line of its -version; a placeholder if there is none."""
        try:
            result = subprocess.run(
                [*self.command, "-version"], capture_output=True, text=True, timeout=30, cwd=ROOT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        return (result.stdout.strip().splitlines() or ["unknown"])[0]


THIS = Program(OWN, (sys.executable, "-m", "shuttle"))
SYSLOG_NG = Program("syslog-ng", (sys.executable, "-m", "bench.syslog_ng"))
"""The peer that needs no building: Debian has it."""
IMPORTS = Program("its imports", (sys.executable, "-c", "import httpx, anyio, structlog"))
"""What the start of this project is measured against."""
TAIL = Program("tail -F", (sys.executable, "-m", "bench.tail"))
"""What following a file is measured against."""


class PeerError(ValueError):
    """A --peer that cannot be used."""


def parse_peer(text: str) -> Program:
    """Return the program that `name=command` describes.

    Raises:
        PeerError: It tells of none.
    """
    name, equals, command = text.partition("=")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise PeerError(f"--peer {text!r}: {error} in the command") from None
    if not equals or not name.strip() or not words:
        raise PeerError(f"--peer {text!r}: must be name=command, as in go=./log-shuttle")
    if not shutil.which(words[0], path=ENVIRONMENT.get("PATH")):
        raise PeerError(f"--peer {text!r}: there is no program {words[0]}")
    path = Path(words[0])
    return Program(name.strip(), (str(path.resolve()) if "/" in words[0] else words[0], *words[1:]))


def find_peers() -> list[Program]:
    """Return the peers that are installed here."""
    return [SYSLOG_NG] if shutil.which(syslog_ng.PROGRAM) else []


def list_programs(peers: Iterable[Program]) -> list[Program]:
    """Return this project, `peers`, and installed peers whose names are still free.

    Raises:
        PeerError: Two have the same name.
    """
    programs = [THIS]
    for peer in peers:
        if peer.name in {program.name for program in programs}:
            raise PeerError(f"--peer {peer.name}=...: the name is taken")
        programs.append(peer)
    names = {program.name for program in programs}
    return programs + [peer for peer in find_peers() if peer.name not in names]
