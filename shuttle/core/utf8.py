"""Finds where to cut bytes that may be UTF-8."""

LONGEST = 4  # bytes of a UTF-8 character (RFC 3629, section 3)
_MARK, _CONTINUATION = 0b11_000000, 0b10_000000  # the first two bits of each byte of a character but its first


def cut(data: bytes, limit: int) -> int:
    """Return where to cut `data`, longer than `limit` bytes, so that no UTF-8 character is divided.

    The place does not depend on any byte behind `data[limit]`. Bytes that are not UTF-8 are cut at `limit` or up to
    three bytes before it. A character that does not fit at all is cut at `limit`.
    """
    for place in range(limit, max(limit - LONGEST, 0), -1):
        if data[place] & _MARK != _CONTINUATION:  # a character begins here
            return place
    return limit


def divide(data: bytes, limit: int) -> list[bytes]:
    """Divide `data` into pieces of 1 to `limit` bytes, each as long as possible. Empty data makes one empty piece."""
    pieces = []
    start = 0
    while len(data) - start > limit:
        end = start + cut(data[start : start + limit + 1], limit)
        pieces.append(data[start:end])
        start = end
    pieces.append(data[start:])
    return pieces
