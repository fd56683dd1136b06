"""What masking costs grows as the text does, and no faster, whatever a stranger writes."""

import time

import pytest

from shuttle.core.mask import Mask

SECRETS = ["zq9secret-password", "\\%&+\\%&+\\%&+", "a" * 30, "0" * 30, "zq9line\nzq9\x1bother"]
KIB = 1024
GROWTH = 8
MOST = 3 * GROWTH  # what is quadratic costs GROWTH * GROWTH times as much

# What there are many ways to read, or what begins much that does not go on.
ATOMS = [
    *("a", " ", "\\", "\\" * 16 + "x", "\\\0", "\\\n ", "\\141", "\\u005c", "%", "%25", "%5C", "&", "&amp;", "&#0000"),
    *(
        "'",
        "'\\''",
        '"',
        "=\n",
        "=5C",
        "^[",
        "M-",
        "\n",
        "\n    ",
        "\0",
        "<",
        "\u2421",
        "ä",
        "QUFB",
        "7a71",
        "122, ",
        "7a ",
    ),
    *("zq9secret-password", "...", "***"),
]


def measure(mask: Mask, text: str) -> float:
    """Return the CPU seconds that masking `text` takes; the less of two."""

    def measure_once() -> float:
        started = time.process_time()
        mask(text)
        return time.process_time() - started

    return min(measure_once(), measure_once())


@pytest.mark.parametrize(
    ("size", "atom"),
    [*((KIB, atom) for atom in ATOMS), *((8 * KIB, atom) for atom in ("0", "zq9s", "the queue is full "))],
)
def test_a_longer_text_costs_as_much_a_character(size: int, atom: str) -> None:
    mask = Mask(SECRETS)
    short, long = (atom * size)[:size], (atom * size * GROWTH)[: size * GROWTH]
    assert measure(mask, long) < MOST * measure(mask, short)
