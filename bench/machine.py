"""The machine and the versions behind the figures."""

import os
import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.program import Program

_PACKAGES = ("anyio", "httpx", "httptools", "uvloop", "isal", "structlog")


def describe_machine(programs: Iterable[Program]) -> dict[str, object]:
    return {
        "cpu": read_cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": dict(_list_packages()),
        "programs": {program.name: program.read_version() for program in programs},
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def read_cpu() -> str:
    with suppress(OSError):
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE):
            return found[1]
    return platform.processor() or platform.machine()


def _list_packages() -> Iterable[tuple[str, str]]:
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            yield package, version(package)
