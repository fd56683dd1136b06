import pytest

from shuttle.observe.request_counts import BOUNDS, MOST_CODES, NO_ANSWER, OTHER, RequestCounts


def test_requests_are_counted_by_code_and_those_without_an_answer_apart() -> None:
    counts = RequestCounts()
    for status in (204, 503, None, 204):
        counts.note(status, 0.0, 0.0, accepted=status == 204)
    assert counts.codes == {"204": 2, "503": 1, NO_ANSWER: 1}


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.005, 0), (0.0051, 1), (5.0, 9), (5.001, 10), (30.0, 11), (1e6, len(BOUNDS))],
)
def test_a_request_is_in_the_first_bucket_whose_bound_it_does_not_exceed(seconds: float, bucket: int) -> None:
    counts = RequestCounts()
    counts.note(204, seconds, 0.0, accepted=True)
    assert [place for place, count in enumerate(counts.buckets) if count] == [bucket]
    assert counts.seconds == seconds


def test_the_last_request_that_the_drain_took_is_remembered() -> None:
    counts = RequestCounts()
    assert counts.accepted_at is None
    for now, accepted in ((1.0, False), (2.0, True), (3.0, False)):
        counts.note(204 if accepted else 503, 0.1, now, accepted=accepted)
    assert counts.accepted_at == 2.0


def test_a_drain_that_answers_with_every_number_fills_no_memory() -> None:
    counts = RequestCounts()
    for status in range(1000):
        counts.note(status, 0.0, 0.0, accepted=False)
    assert len(counts.codes) == MOST_CODES + 1
    assert counts.codes[OTHER] == 1000 - MOST_CODES
    assert sum(counts.codes.values()) == 1000
