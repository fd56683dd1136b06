"""What a file was followed with before: takes log-shuttle's flags and becomes `tail -F FILE | log-shuttle`.

It is measured where a file is followed, and nowhere else.
"""

import os
import shlex
import sys
from typing import NoReturn

PROGRAM = "tail"


def make_command(argv: list[str]) -> str:
    """Return the command of the shell.

    Raises:
        ValueError: No file is followed.
    """
    flags = list(argv)
    place = flags.index("-file")
    _, path = flags[place : place + 2]
    del flags[place : place + 2]
    place = flags.index("-from")
    del flags[place : place + 2]
    agent = shlex.join([sys.executable, "-m", "shuttle", *flags])
    return f"tail -n +1 -F {shlex.quote(path)} | {agent}"


def main(argv: list[str]) -> NoReturn:
    if argv == ["-version"]:
        os.execvp(PROGRAM, [PROGRAM, "--version"])
    try:
        command = make_command(argv)
    except ValueError:
        sys.exit(2)
    os.execv("/bin/sh", ["/bin/sh", "-c", command])


if __name__ == "__main__":
    main(sys.argv[1:])
