"""How much a process has done so far: the CPU time of its threads, and how often they went to sleep and woke up."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wakefulness:
    """Sums over the threads that are there."""

    cpu_ns: int
    switches: int
    """Voluntary ones: a thread that waited for something."""


def read_wakefulness(pid: int) -> Wakefulness:
    cpu = switches = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
            cpu += int((thread / "schedstat").read_text().split()[0])  # ns; `stat` has hundredths of a second
            status = (thread / "status").read_text()
            switches += int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[0])
    return Wakefulness(cpu, switches)
