"""What each status means for a batch's lines."""

import pytest

from shuttle.core.outcome import Reply, Verdict, advise, judge

RETRIED_4XX = {408, 425, 429}
HALVED = {400, 413, 422}


def expect(status: int, lines: int) -> Verdict:
    """Say again, in the words of the promise, what `status` means."""
    if 200 <= status <= 299:
        return Verdict.DELIVERED
    if not 400 <= status <= 499 or status in RETRIED_4XX:
        return Verdict.RETRY
    if status not in HALVED:
        return Verdict.DENIED
    return Verdict.HALVE if lines > 1 else Verdict.LOST


@pytest.mark.parametrize("lines", [0, 1, 2, 500])
def test_each_status_has_its_verdict(lines: int) -> None:
    assert {status: judge(Reply(status), lines=lines).verdict for status in range(100, 600)} == {
        status: expect(status, lines) for status in range(100, 600)
    }


@pytest.mark.parametrize("lines", [0, 1, 500])
def test_no_answer_means_retry(lines: int) -> None:
    assert judge(Reply(), lines=lines).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        (301, "-logs-url"),
        (308, "-logs-url"),
        (401, "-bearer-token"),
        (403, "password"),
        (404, "path of -logs-url"),
        (405, "POST"),
        (407, "proxy"),
        (410, "-logs-url"),
        (413, "-batch-bytes"),
        (415, "-gzip"),
    ],
)
def test_a_status_that_the_user_can_fix_has_advice(status: int, flag: str) -> None:
    assert flag in advise(status)


@pytest.mark.parametrize("status", [204, 400, 418, 429, 500, 503])
def test_a_status_that_the_user_cannot_fix_has_no_advice(status: int) -> None:
    assert advise(status) == ""
