"""A setting is declared in the annotation of its field, and its rule says what it accepts."""

from typing import Annotated

import pytest

from shuttle.core.rule import Rule, at_least, one_of, printable
from shuttle.core.setting import Setting, find_settings, name_flag

SIZE = Setting("size", "how much", rule=at_least(1))


class Owner:
    size: Annotated[int, SIZE] = 1
    other: int = 2


def test_the_settings_are_found_in_the_annotations() -> None:
    assert find_settings(Owner) == {"size": SIZE}


@pytest.mark.parametrize(
    ("name", "flag"),
    [("batch_size", "-batch-size"), ("wait", "-wait"), ("from_", "-from")],
)
def test_a_flag_is_named_after_its_field(name: str, flag: str) -> None:
    assert name_flag(name) == flag


@pytest.mark.parametrize(
    ("rule", "text", "accepted", "refused"),
    [
        (at_least(1), "must be 1 or more", [1, 1.5, 10**20], [0, -1, float("nan")]),
        (at_least(0, " (no limit)"), "must be 0 (no limit) or more", [0, 0.1], [-0.1]),
        (one_of("go", "l2met"), "must be go or l2met", ["go", "l2met"], ["", "Go", "go "]),
        (one_of("", "a", "b"), "must be a or b", ["", "a"], ["c"]),
        (one_of("a", "b", "c"), "must be one of a, b, c", ["a", "c"], ["", "ab"]),
        (
            printable(3, "6.2.4"),
            "must be 1 to 3 printable ASCII characters without spaces (RFC 5424, 6.2.4)",
            ["!", "~~~"],
            ["", "    ", "a b", "abcd", "é", "a\n"],
        ),
    ],
)
def test_a_rule_accepts_what_its_text_says(
    rule: Rule, text: str, accepted: list[object], refused: list[object]
) -> None:
    assert rule.text == text
    assert [value for value in accepted + refused if rule.accepts(value)] == accepted
