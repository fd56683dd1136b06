"""The file descriptors of this process: which it has, and a limit on how many more it gets."""

import itertools
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def list_descriptors() -> dict[int, str]:
    """Return what each open descriptor leads to."""
    found = {}
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # the one by which the directory was read
            found[int(link.name)] = os.fspath(link.readlink())
    return found


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Have the kernel refuse to open more than `count` files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = list_descriptors().keys()
    free = (number for number in itertools.count() if number not in used)
    limit = next(itertools.islice(free, count, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
