"""Batches that a test can tell apart."""

from shuttle.core.batch import Batch


def make_batch(number: int, length: int = 100, *, lines: int = 1, born: float = 0.0) -> Batch:
    """Return a batch whose body and id say its number."""
    body = (b"%07d|" % number * (length // 8 + 1))[:length]
    return Batch(f"{number:032x}", body, lines, lines + number % 2, ((0, 2),) if number % 2 else (), born)
