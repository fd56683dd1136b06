"""A disk that takes little or nothing."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def files_of_at_most(length: int) -> Iterator[None]:
    """Have the kernel refuse to write any file beyond `length` bytes: Python ignores SIGXFSZ, and a write fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
