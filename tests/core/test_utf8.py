"""Bytes are cut so that no UTF-8 character is divided, whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.utf8 import LONGEST, cut, divide

EURO = "€".encode()  # three bytes
FACE = "\N{GRINNING FACE}".encode()  # four bytes


@pytest.mark.parametrize(
    ("data", "limit", "place"),
    [
        (b"abcdef", 5, 5),
        (b"ab" + EURO, 4, 2),
        (b"ab" + EURO, 3, 2),
        (b"ab" + EURO, 2, 2),
        (b"ab" + EURO + b"c", 5, 5),
        (b"a" + FACE + b"b", 4, 1),
        (b"a" + FACE + b"b", 5, 5),
        (b"ab\xc3\xa9", 3, 2),
        (EURO * 2, 3, 3),
        (EURO * 2, 5, 3),
    ],
)
def test_a_cut_is_at_the_last_character_boundary(data: bytes, limit: int, place: int) -> None:
    assert cut(data, limit) == place


@pytest.mark.parametrize(
    ("data", "limit"),
    [(EURO, 1), (EURO, 2), (FACE, 1), (FACE, 3), (b"\x80" * 9, 8), (b"\xff" * 9, 8), (b"\0" * 9, 8)],
)
def test_bytes_without_a_boundary_are_cut_at_the_limit(data: bytes, limit: int) -> None:
    assert cut(data, limit) == limit


@given(st.binary(min_size=2, max_size=64), st.data(), st.binary(max_size=8))
def test_a_cut_is_near_the_limit(data: bytes, draw: st.DataObject, more: bytes) -> None:
    """What follows the limit does not move the cut."""
    limit = draw.draw(st.integers(1, len(data) - 1))
    place = cut(data, limit)
    assert max(1, limit - LONGEST + 1) <= place <= limit
    assert cut(data[: limit + 1] + more, limit) == place


@pytest.mark.parametrize(
    ("data", "limit", "pieces"),
    [
        (b"", 3, [b""]),
        (b"ab", 3, [b"ab"]),
        (b"abc", 3, [b"abc"]),
        (b"abcd", 3, [b"abc", b"d"]),
        (b"abcdef", 3, [b"abc", b"def"]),
        (b"abcdefg", 3, [b"abc", b"def", b"g"]),
        (b"abc", 1, [b"a", b"b", b"c"]),
        (EURO * 3, 4, [EURO] * 3),
        (EURO * 3, 6, [EURO * 2, EURO]),
        (b"a" + EURO + b"b", 3, [b"a", EURO, b"b"]),
        (EURO, 2, [EURO[:2], EURO[2:]]),
        (b"\xff" * 5, 2, [b"\xff\xff", b"\xff\xff", b"\xff"]),
    ],
)
def test_pieces_are_as_long_as_possible(data: bytes, limit: int, pieces: list[bytes]) -> None:
    assert divide(data, limit) == pieces


@given(st.binary(max_size=100), st.integers(1, 12))
def test_pieces_join_to_the_whole_within_the_limit(data: bytes, limit: int) -> None:
    pieces = divide(data, limit)
    assert b"".join(pieces) == data
    assert all(1 <= len(piece) <= limit for piece in pieces) or pieces == [b""]


@given(st.text(max_size=60), st.integers(LONGEST, 12))
def test_pieces_of_text_are_text(text: str, limit: int) -> None:
    pieces = [piece.decode() for piece in divide(text.encode(), limit)]
    assert "".join(pieces) == text
