"""On Windows the commands say that they do not run there. It is played: what Windows lacks cannot be imported."""

import subprocess
import sys

import pytest

from tests.helpers.process import LONGEST

WINDOWS = """
import signal, sys
sys.platform = "win32"
for name in ("fcntl", "termios", "pty", "tty", "pwd", "grp", "resource", "syslog", "posix", "uvloop", "inotify_simple"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGALRM", "SIGWINCH", "SIGCONT", "pthread_sigmask"):
    delattr(signal, name)
import {module}
sys.exit({module}.main())
"""


@pytest.mark.parametrize(
    ("command", "module"),
    [("log-shuttle", "shuttle.__main__"), ("log-shuttle-drain", "shuttle.local_drain.__main__")],
)
@pytest.mark.process
def test_windows_is_told_in_one_line(command: str, module: str) -> None:
    code = WINDOWS.format(module=module)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONGEST, check=False)
    said = f"{command}: is not supported on Windows: use Linux or macOS, WSL or a container\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)
