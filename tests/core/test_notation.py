"""What a notation stands for, to those who know it."""

import pytest

from shuttle.core.notation import read_base64, read_escapes, read_hex, read_percent, read_references
from shuttle.core.reading import BETWEEN, END, Reading, read


def find_meaning(reading: Reading) -> str:
    """Return what stands before the end of a text."""
    return reading.data.partition(END)[0].decode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("%0A", "\n"),
        ("%250a", "%0a"),
        ("%c3%a4", "ä"),
        ("%e4", "ä"),
        ("%u20AC", "€"),
        ("%zz", "%zz"),
        ("zq9%", "zq9"),
        ("zq9%6...", "zq9..."),
    ],
)
def test_percent(written: str, meant: str) -> None:
    assert find_meaning(read_percent(read(written))) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\n", "\n"),
        (r"\\n", r"\n"),
        (r"\"", '"'),
        (r"\e", "\x1b"),
        (r"\033", "\x1b"),
        (r"\0!", "\0!"),
        (r"\303\244", "ä"),
        (r"\x1b", "\x1b"),
        (r"\xc3\xa4", "ä"),
        (r"\xe4", "ä"),
        (r"\xff", "ÿ"),
        (r"\x{20ac}", "€"),
        (r"\u001B", "\x1b"),
        (r"\ud83d\udd11", "\U0001f511"),
        (r"\u{1f511}", "\U0001f511"),
        (r"\U0001f511", "\U0001f511"),
        (r"\u{110000}", r"\u{110000}"),
        ("zq9\\", "zq9"),
        (r"zq9\u00", "zq9"),
        (r"zq9\ud83d\ud", "zq9"),
        (r"zq9\1", "zq9"),
    ],
)
def test_escapes(written: str, meant: str) -> None:
    assert find_meaning(read_escapes(read(written))) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("&#10;", "\n"),
        ("&#x0000A;", "\n"),
        ("&amp;#10;", "&#10;"),
        ("&eacute;", "é"),
        ("&nosuchname;", "&nosuchname;"),
        ("&#1114112;", "&#1114112;"),
        ("a & b", "a & b"),
        ("zq9&am", "zq9"),
    ],
)
def test_references(written: str, meant: str) -> None:
    assert find_meaning(read_references(read(written))) == meant


@pytest.mark.parametrize(
    "written", ["enE5c2VjcmV0", "enE5c2VjcmV0==", "/in/enE5c2VjcmV0", "x" * 60 + "enE5\n    c2VjcmV0"]
)
def test_base64_is_read_from_each_place(written: str) -> None:
    assert b"zq9secret" in read_base64(read(written)).data


@pytest.mark.parametrize(
    "written", ["7a7139736563", "a7A7139736563", "7a:71:39:73:65:63", "0x7a, 0x71, 0x39, 0x73, 0x65, 0x63"]
)
def test_hexadecimal_digits_are_read_from_each_place(written: str) -> None:
    assert b"zq9sec" in read_hex(read(written)).data


def test_what_is_packed_ends_where_the_text_does() -> None:
    assert read_hex(read("7a713973 7a713973 is unknown")).data.count(END) == 0
    assert b"zq9s" + END in read_hex(read("7a713973 (truncated)")).data
    assert b"zq9s" + BETWEEN in read_hex(read("7a713973 is unknown")).data


def test_a_reading_knows_its_characters() -> None:
    reading = read_percent(read("ä%0A..."))
    assert [reading.locate((start, start + 1)) for start in range(3)] == [(0, 1), (0, 1), (1, 4)]
