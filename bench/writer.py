"""Writes the lines of a file to stdout at a given rate: a script for `python -I -S`.

The first line goes out at once and the others when stdin tells, so that the start of the agent is over. The pace is the
scenario, so this is the one place that sleeps while time is measured. When each line was written, in ns of the
monotonic clock, goes to a file of native 64-bit integers.
"""

import os
import sys
import time
from array import array


def main(path: str, rate: int, times: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib is not worth its import here
        lines = file.readlines()
    written = array("q", [time.monotonic_ns()])
    os.write(1, lines[0])
    os.read(0, 1)
    begin = time.monotonic_ns()
    for number, line in enumerate(lines[1:]):
        early = begin + number * 1_000_000_000 // rate - time.monotonic_ns()
        if early > 0:
            time.sleep(early / 1e9)
        written.append(time.monotonic_ns())
        os.write(1, line)
    with open(times, "wb") as file:  # noqa: PTH123
        written.tofile(file)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
