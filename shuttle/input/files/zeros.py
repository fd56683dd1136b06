"""Zeros: how many there are, and where those begin that stand at an end."""

from shuttle.core.fingerprint import Read

_BLOCK = bytes(4096)  # comparing blocks is a hundred times as fast as stripping zeros
_FEW = 512  # bytes that are looked at in each place: lines have not as many zeros in a row


def count_zeros(data: bytes, start: int = 0) -> int:
    """Return how many zeros stand in `data` from `start` on."""
    place = start
    while data.startswith(_BLOCK, place):
        place += len(_BLOCK)
    rest = data[place : place + len(_BLOCK)]
    return place - start + len(rest) - len(rest.lstrip(b"\0"))


def find_zeros_at_end(data: bytes, start: int) -> int:
    """Return where the zeros begin that `data` end with, but no place before `start`."""
    end = len(data)
    while data.endswith(_BLOCK, start, end):
        end -= len(_BLOCK)
    start = max(start, end - len(_BLOCK))
    return start + len(data[start:end].rstrip(b"\0"))


def find_end_of_data(read_at: Read, size: int) -> int:
    """Return where the data of a file with `size` bytes end: there, or where the zeros begin that are at its end.

    It looks at a few places only, and takes other zeros for those at the end if it happens upon so many of them.

    Raises:
        OSError: The file cannot be read.
    """
    if not size or read_at(size - 1, 1) != b"\0":
        return size
    low, high = 0, size
    while high - low > len(_BLOCK):
        middle = (low + high) // 2
        found = read_at(middle, _FEW).rstrip(b"\0")
        low, high = (middle + len(found), high) if found else (low, middle)
    return low + len(read_at(low, high - low).rstrip(b"\0"))
