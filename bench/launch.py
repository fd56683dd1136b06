"""Starts an agent and reports its use of resources on stdout: a script for `python -I -S`.

A process begins with the peak RSS of the one that it was forked from, so the harness itself would hide a small
agent's. First line: the agent's pid, and when it was started in ns of the monotonic clock. Second line: its exit code,
when it ended, CPU seconds in user and system mode, and peak RSS as getrusage() has it.
"""

import os
import sys
import time


def main(command: list[str]) -> None:
    started = time.monotonic_ns()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    try:
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    os.write(1, b"%d %d\n" % (pid, started))
    _, status, usage = os.wait4(pid, 0)
    ended = time.monotonic_ns()
    code = os.waitstatus_to_exitcode(status)
    os.write(1, b"%d %d %f %f %d\n" % (code, ended, usage.ru_utime, usage.ru_stime, usage.ru_maxrss))


if __name__ == "__main__":
    main(sys.argv[1:])
