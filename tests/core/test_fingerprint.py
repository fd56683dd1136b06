"""A file is the same if its content is, up to where it was read."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Trail, is_same_content
from tests.helpers.fingerprints import fingerprint_content

CONTENT = random.Random(1).randbytes(5000)
OTHER = random.Random(2).randbytes(5000)
OFFSET = 3000
EDGES = (0, 1, TAIL - 1, TAIL, TAIL + 1, HEAD - 1, HEAD, HEAD + 1, HEAD + TAIL, 4999, 5000)


def holds(content: bytes, fingerprint: Fingerprint) -> bool:
    return is_same_content(fingerprint, lambda offset, length: content[offset : offset + length])


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_neither_fingerprint_nor_trail_shows_a_line() -> None:
    line = b"password=secret\n"
    trail = Trail(1, 2, len(line), head=line, tail=line)
    assert "secret" not in repr(trail) + repr(trail.fingerprint())


@pytest.mark.parametrize("offset", EDGES)
def test_a_fingerprint_has_its_offset_and_head_length(offset: int) -> None:
    fingerprint = fingerprint_content(CONTENT, offset)
    assert (fingerprint.offset, fingerprint.head_length) == (offset, min(HEAD, offset))
    assert len(fingerprint.head) == len(fingerprint.tail) == 16


@pytest.mark.parametrize(
    ("content", "same"),
    [
        pytest.param(CONTENT, True, id="as it was"),
        pytest.param(CONTENT[:OFFSET], True, id="nothing behind the offset"),
        pytest.param(CONTENT + OTHER, True, id="grown"),
        pytest.param(CONTENT[:OFFSET] + OTHER, True, id="gone on otherwise"),
        pytest.param(CONTENT[: OFFSET - 1], False, id="a byte short"),
        pytest.param(CONTENT[:HEAD], False, id="truncated to its head"),
        pytest.param(b"", False, id="truncated"),
        pytest.param(OTHER, False, id="replaced"),
        pytest.param(CONTENT[:HEAD] + OTHER, False, id="truncated, then grown past the offset"),
        pytest.param(CONTENT[:-OFFSET] + OTHER, False, id="an older copy restored, then grown past the offset"),
        pytest.param(OTHER[:HEAD] + CONTENT[HEAD:], False, id="another head"),
        pytest.param(flip(CONTENT, 0), False, id="another first byte"),
        pytest.param(flip(CONTENT, HEAD - 1), False, id="another last byte of the head"),
        pytest.param(flip(CONTENT, OFFSET - TAIL), False, id="another first byte of the tail"),
        pytest.param(flip(CONTENT, OFFSET - 1), False, id="another last byte of the tail"),
        pytest.param(flip(CONTENT, OFFSET), True, id="another byte at the offset, which was not read"),
        pytest.param(flip(CONTENT, HEAD), True, id="another byte in between, which is not known"),
        pytest.param(bytes(OFFSET) + OTHER, False, id="a hole where the writer went on behind a truncation"),
        pytest.param(b"\n" + CONTENT, False, id="moved by a byte"),
    ],
)
def test_content_with_the_same_head_and_tail_is_the_same(content: bytes, same: bool) -> None:
    fingerprint = fingerprint_content(CONTENT, OFFSET)
    assert holds(content, fingerprint) is same
    # An inode that was used again says nothing, and neither does one that a copy does not have.
    assert holds(content, replace(fingerprint, device=3, inode=4)) is same


@pytest.mark.parametrize("offset", EDGES[1:])
@pytest.mark.parametrize("content", [b"", OTHER, OTHER[:1], CONTENT[1:]])
def test_one_byte_tells_different_content_apart(content: bytes, offset: int) -> None:
    assert not holds(content, fingerprint_content(CONTENT, offset))


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_any_content_matches_before_a_byte_is_read(content: bytes) -> None:
    assert holds(content, fingerprint_content(CONTENT, 0))


@given(st.binary(max_size=2 * HEAD), st.binary(max_size=2 * HEAD), st.data())
def test_a_short_file_matches_exactly_its_own_bytes(content: bytes, other: bytes, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, min(len(content), HEAD + TAIL)))
    other = data.draw(st.sampled_from([other, content + other, content[: offset // 2] + other]))
    assert holds(other, fingerprint_content(content, offset)) is (other[:offset] == content[:offset])


def test_a_comparison_reads_head_and_tail_in_order() -> None:
    reads: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return CONTENT[offset : offset + length]

    assert is_same_content(fingerprint_content(CONTENT, OFFSET), read)
    assert reads == [(0, HEAD), (OFFSET - TAIL, TAIL)]
