"""Which secrets a setting holds, and how else than encoded they may be shown."""

import pytest

from shuttle.core.mask import MASKED, Mask
from shuttle.core.secret import find_secrets


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ("", {""}),
        ("zq9secret", {"zq9secret"}),
        ("https://user:p%40ss@h/", {"user", "p@ss"}),
        ("https://user@h", {"user", ""}),
        ("https://user:pw@h", {"user", "pw", "user:pw"}),
        ("https://h/logs/0123456789?key=abc&more=d%3De==#frag", {"", "0123456789", "abc", "d=e==", "frag"}),
        ("https://h/v1/a%2Fb%2Fcdefg?abc", {"", "a/b/cdefg", "abc"}),
        ("https://%ff:p@h", {"\udcff", "p", "\udcff:p"}),
        ("https://\udcff:p%0Ass@h", {"\udcff", "p\nss"}),
    ],
)
def test_the_secrets_of_a_setting_are_found(value: str, secrets: set[str]) -> None:
    assert set(find_secrets(value)) - {""} == secrets - {""}


IN_LINES = "zq9one\ntwo+\x1b[31mthree"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (IN_LINES, "zq9one"),
        (IN_LINES, "two+"),
        (IN_LINES, "[31mthree"),
        (IN_LINES, "zq9one two+ [31mthree"),
        (IN_LINES, "zq9one?two+?[31mthree"),
        (IN_LINES, "zq9one\ufffdtwo+\ufffd[31mthree"),
        (IN_LINES, "zq9one..two+.[31mthree".replace("..", ".")),
        ("pässwörd€", "pässwörd€".encode().decode("latin-1")),
        ("pässwörd€", "p?ssw?rd?"),
        ("pässwörd€", "p\ufffdssw\ufffdrd\ufffd"),
        ("pässwörd€", "psswrd"),
        ("pässwört", "p??ssw??rt"),
        ("pässwört", "p\ufffd\ufffdssw\ufffd\ufffdrt"),
        ("zq9\udcffsecret", "zq9\ufffdsecret"),
    ],
)
def test_a_secret_is_masked_as_those_show_it_who_cannot_show_all_of_it(secret: str, shown: str) -> None:
    assert Mask([secret])(f"no such token: <{shown}> at all") == f"no such token: <{MASKED}> at all"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a\nb\nc\nd", "a, b, c and d"),
        ("日本語日本語", "what????????"),
        ("\x00\x01\x02\x03\x04", "....., _____"),
        ("%41%42%43", "the ABC of it"),
        ("naïve", "the nave of it"),
        ("x\ntoken\ny", "no such token"),
    ],
)
def test_what_is_left_of_a_secret_may_be_too_little(secret: str, text: str) -> None:
    assert Mask([secret])(text) == text
