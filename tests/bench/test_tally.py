"""The harness notices whatever arrives otherwise than it was sent: cheaply when it times, else line by line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.corpus import NUMBER, Corpora, Corpus, write_lines
from bench.tally import MismatchError, Tally, check, count_lines, split_frames, verify

LINE_BYTES = 40
LINES = 50


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpora(tmp_path).get("log", LINE_BYTES, LINES)


def read_lines(corpus: Corpus) -> list[bytes]:
    return corpus.path.read_bytes().splitlines(keepends=True)


def make_body(lines: list[bytes], *, prefixed: bool = True) -> bytes:
    frames = [b"<190>1 - - - - - - " + line for line in lines]
    return b"".join(b"%d %b" % (len(frame), frame) if prefixed else frame for frame in frames)


def keep(path: Path, *bodies: bytes) -> Path:
    """Write `bodies` as the drain keeps them, each a second after the one before."""
    path.write_bytes(b"".join(b"%d %d\n%b" % (second * 10**9, len(body), body) for second, body in enumerate(bodies)))
    return path


@pytest.mark.parametrize("text", ["log", "random"])
def test_lines_are_the_same_in_every_run(text: str, tmp_path: Path) -> None:
    """They have one length and begin with their number."""
    for name in ("one", "other"):
        write_lines(tmp_path / name, text, LINE_BYTES, 1000)  # type: ignore[arg-type]
    data = (tmp_path / "one").read_bytes()
    assert data == (tmp_path / "other").read_bytes()
    lines = data.split(b"\n")[:-1]
    assert [int(line[:NUMBER]) for line in lines] == list(range(1000))
    assert {len(line) + 1 for line in lines} == {LINE_BYTES}


@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("reports", [0, 1, 2])
def test_a_body_is_counted_and_its_numbers_added_up(corpus: Corpus, prefixed: bool, reports: int) -> None:
    body = b"<172>1 - heroku token log-shuttle - - Error L12: 2 messages dropped\n" * reports
    body += make_body(read_lines(corpus), prefixed=prefixed)
    assert count_lines(body, reports=reports, line_bytes=LINE_BYTES) == (LINES, corpus.number_sum)


def test_a_body_of_reports_alone_holds_no_line() -> None:
    assert count_lines(b"137 <172>1 - - - - - - Error L12\n", reports=1, line_bytes=LINE_BYTES) == (0, 0)


@pytest.mark.parametrize("spoil", [lambda body: body + b"x\n", lambda body: body[:-1], lambda body: body[:30] + b"\n"])
def test_frames_of_different_lengths_are_noticed(corpus: Corpus, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(MismatchError):
        count_lines(spoil(make_body(read_lines(corpus))), reports=0, line_bytes=LINE_BYTES)


@pytest.mark.parametrize(
    "told",
    [
        {"odd": 1},
        {"announced": 49},
        {"lines": 51, "announced": 51},
        {"number_sum": 1},
    ],
)
def test_a_timed_run_with_wrong_sums_is_an_error(told: dict[str, int]) -> None:
    right = {"lines": 50, "announced": 50, "number_sum": 1225}
    check(Tally(**right), lines=50, number_sum=1225)
    with pytest.raises(MismatchError):
        check(Tally(**{**right, **told}), lines=50, number_sum=1225)


def test_lines_that_did_not_arrive_are_a_loss_and_no_mismatch() -> None:
    check(Tally(lines=49, announced=49, number_sum=7), lines=50, number_sum=1225)
    check(Tally(lines=50, announced=0, number_sum=1225), lines=50, number_sum=1225)  # syslog-ng announces nothing


@pytest.mark.parametrize("prefixed", [True, False])
def test_lines_pass_in_any_order(corpus: Corpus, prefixed: bool) -> None:
    """The result says when each arrived."""
    lines = read_lines(corpus)
    kept = keep(
        corpus.path.with_name("kept"), *(make_body(half, prefixed=prefixed) for half in (lines[25:], lines[:25]))
    )
    arrived = verify(corpus, kept)
    assert arrived == {number: 0 if number >= 25 else 10**9 for number in range(LINES)}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda lines: [*lines, lines[7]], "line 7 arrived more often"),
        (lambda lines: [*lines[:-1], lines[-1][:-2] + b"?\n"], "line 49 was changed"),
        (lambda lines: [b"99999999" + lines[0][8:]], "no line of the input"),
        (lambda lines: [b"x" * LINE_BYTES], "no line of the input"),
    ],
)
def test_a_changed_invented_or_repeated_line_is_noticed(
    corpus: Corpus, spoil: Callable[[list[bytes]], list[bytes]], complaint: str
) -> None:
    kept = keep(corpus.path.with_name("kept"), make_body(spoil(read_lines(corpus))))
    with pytest.raises(MismatchError, match=complaint):
        verify(corpus, kept)


@pytest.mark.parametrize("body", [b"5 abc", b"3 abcx", b"3 abc99"])
def test_frames_with_wrong_lengths_are_noticed(body: bytes) -> None:
    with pytest.raises(MismatchError):
        split_frames(body)
