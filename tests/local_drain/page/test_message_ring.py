"""The ring has the newest messages by their numbers, and never more than fit."""

from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.page.message_ring import MessageRing

FRAMES = st.lists(st.binary(max_size=12), max_size=8)


@given(st.lists(FRAMES, max_size=12), st.integers(0, 40), st.integers(1, 12), st.integers(1, 60))
def test_it_is_the_end_of_a_list_of_all(batches: list[list[bytes]], start: int, most: int, most_bytes: int) -> None:
    ring = MessageRing(most=10, most_bytes=50)
    for batch in batches:
        ring.extend(batch)
    every = [frame for batch in batches for frame in batch]
    kept = every[ring.first - 1 :]
    assert ring.end == len(every) + 1
    assert len(kept) <= 10
    assert sum(map(len, kept)) <= 50
    more = every[max(0, ring.first - 2) :]
    assert ring.first == 1 or len(more) > 10 or sum(map(len, more)) > 50  # nothing has left that had room

    first, frames = stretch = ring.read(start, most=most, most_bytes=most_bytes)
    assert first == max(start, ring.first)
    assert frames == every[first - 1 : first - 1 + len(frames)]
    assert len(frames) <= most
    assert sum(map(len, frames)) <= most_bytes or len(frames) == 1
    assert bool(frames) == (first < ring.end)
    assert stretch.end == first + len(frames)
