"""A name server that says nothing, for a process with a network of its own. Only root may give it that."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.process import COMMAND, LONGEST, clean_environ

_UNABLE = 77
_ENTER = """
ip link set lo up && mount --bind "$1" /etc/resolv.conf || exit 77
shift
exec "$@"
"""
_LISTEN_AND_RUN = """
import socket, subprocess, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
sys.exit(subprocess.run(sys.argv[2:], timeout=float(sys.argv[1])).returncode)
"""


def run_beside_silent_name_server(directory: Path, *flags: str, data: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command; the system waits for minutes for the name of a host. If it does, this raises an error."""
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    inside = ["sh", "-c", _ENTER, "sh", str(directory / "resolv.conf"), sys.executable, "-c", _LISTEN_AND_RUN]
    command = ["unshare", "--net", "--mount", *inside, str(LONGEST), *COMMAND, *flags]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=data, env=clean_environ())
    if done.returncode == _UNABLE or done.stderr.startswith("unshare:"):
        pytest.skip("only root may have a network of its own")
    return done
