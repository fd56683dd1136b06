"""The activity of a process so far: the CPU time of its threads, and how often they woke up."""

import contextlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wakefulness:
    """Sums over the threads that are there."""

    cpu_ns: int
    switches: int
    """Voluntary ones: a thread that waited for something."""


def list_family(pid: int) -> list[int]:
    """Return a process and all that it has begun, as far as they are there."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
            children[int(status.read_text("utf-8", "replace").rpartition(")")[2].split()[1])].append(
                int(status.parent.name)
            )
    family = [pid]
    for one in family:
        family += children[one]
    return family


def read_peak_rss(pid: int) -> int:
    """Return the bytes of memory that a process had at its peak."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    return int(re.findall(r"^VmHWM:\s*(\d+)", status, re.MULTILINE)[0]) * 1024


def read_wakefulness(pid: int) -> Wakefulness:
    cpu = switches = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
            cpu += int((thread / "schedstat").read_text().split()[0])  # ns; `stat` has hundredths of a second
            status = (thread / "status").read_text()
            switches += int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[0])
    return Wakefulness(cpu, switches)
