"""Computes the next delay in seconds, from the number of failures, Retry-After and a random number."""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

FIRST_DELAY = 0.25  # seconds; a restarting process is often back within it
LONGEST_DELAY = 5.0  # seconds; a queue of 64 MiB fills in 26 s at 10,000 lines/s: a drain that is back is seen in time
LONGEST_RETRY_AFTER = 60.0  # seconds; what a drain asks for beyond it would cost more lines than it spares requests


def next_delay(failures: int, random: Callable[[], float], longest: float = LONGEST_DELAY) -> float:
    """Return how long to wait after the `failures`-th failure in a row, in seconds.

    The delay is random, from 0 to a bound that doubles with each failure up to `longest` (exponential back-off with
    full jitter). So a thousand agents do not come back together. `random` gives numbers from 0 to 1.
    """
    bound = FIRST_DELAY * 2.0 ** min(failures - 1, 30)  # 2**30 is beyond every cap and no float overflows
    return min(longest, bound) * random()


def read_retry_after(value: str, wall: float) -> float:
    """Return the seconds that a Retry-After header asks for, from 0 to a cap (RFC 9110, 10.2.3).

    `value` is seconds or a date; `wall` is the time now, in seconds since the epoch. An unreadable value gives 0.
    """
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)  # float, which takes any number of digits
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # OverflowError: a day or a zone of twenty digits
        return 0.0
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
