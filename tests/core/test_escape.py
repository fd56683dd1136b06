r"""What strangers wrote is shown as text, and as nothing else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.escape import escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ("Grüße 日本 العربية 👍", "Grüße 日本 العربية 👍"),
        ("e\u0301", "e\u0301"),  # an accent of its own
        ("\x1b[31mred\x07\0\x7f", r"\x1b[31mred\x07\x00\x7f"),
        ("one\r\n\ttwo", r"one\r\n\ttwo"),
        ("\x80\x85\x9b31m\x9f", r"\x80\x85\x9b31m\x9f"),  # C1
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202a\u202b\u202c\u202d\u202e", r"\u202a\u202b\u202c\u202d\u202e"),
        ("\u2066\u2067\u2068\u2069", r"\u2066\u2067\u2068\u2069"),
        ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
        ("\u200b\u200c\u200d\u2060\ufeff\xad", r"\u200b\u200c\u200d\u2060\ufeff\xad"),
        ("\xa0\u3000", r"\xa0\u3000"),
        ("\u034f\u3164\u115f\uffa0\ufe0f\u180e\u2800", r"\u034f\u3164\u115f\uffa0\ufe0f\u180e\u2800"),
        ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
        ("\ud800\udcff", r"\ud800\udcff"),
    ],
)
def test_misleading_characters_are_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_characters_to_keep_are_not_escaped() -> None:
    assert escape("a\tb\n", keep="\t") == "a\tb\\n"


@given(st.text())
def test_no_control_or_format_character_passes(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in shown)
    assert escape(shown) == shown


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_ascii_text_is_unchanged(text: str) -> None:
    assert escape(text) == text
