"""Batches that a test can tell apart."""

from shuttle.core.batch import Batch


def make_batch(number: int, length: int = 100, *, lines: int = 1, born: float = 0.0) -> Batch:
    """Return a batch whose body and id say its number."""
    body = (b"%07d|" % number * (length // 8 + 1))[:length]
    more = number % 2 and length >= 3 * (lines + 1)  # a frame has 3 bytes at least
    return Batch(f"{number:032x}", body, lines, lines + 1 if more else lines, ((0, 2),) if more else (), born)
