"""No run of a secret is shown, whichever characters it has, and however it was encoded, once or twice."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shuttle.core.mask import LETTERS, MASKED, PUBLIC, Mask
from shuttle.core.reading import repair_data
from shuttle.core.runs import RUN, SHORTEST
from tests.helpers.notations import BY_CHARACTER, LOOSELY, NOTATIONS, Notation

ODD = "%\\&+=#^<>\"'`$;{}[]()~_-M*?!@:/.,| \t\n\r\0\x1b\x7f\x80\x85\xa0äß€\u2028\U0001f511"
ALIKE = "0123456789abcdefABCDEFnrtuxXU"  # what notations have, too
TEXTS = st.one_of(st.text(), st.text(ODD), st.text(ODD + ALIKE))
SECRETS = TEXTS.filter(lambda text: len(text.strip()) >= SHORTEST and not {*"*\ufffd"} & {*text} and text != PUBLIC)
AROUND = st.one_of(st.text(max_size=20), st.text(ODD + ALIKE, max_size=5))
EXAMPLES = 30  # of each notation
WINDOW = 16  # characters, of those that eight bytes become when they are encoded as a whole

# What changes the case of an encoding breaks it.
every_notation = pytest.mark.parametrize("outer", [name for name in NOTATIONS if name != "upper case"])
# Each character by itself, with nothing behind it.
every_notation_of_characters = pytest.mark.parametrize("outer", [name for name in BY_CHARACTER if name != "upper case"])


def count_bytes(text: str) -> int:
    """Return the bytes of `text` in UTF-8, or as Latin-1 if these look like UTF-8 and are fewer: Â and \x80 are two."""
    latin = text.encode("latin-1", "replace")
    return min(len(text.encode()), len(repair_data(latin)))


def divide(secret: str) -> list[str]:
    """Return each part of a secret that has RUN bytes, or a little more, or all of it."""
    parts = [secret]
    for start in range(len(secret)):
        end = next((end for end in range(len(secret) + 1) if count_bytes(secret[start:end]) >= RUN), None)
        parts += [secret[start:end]] if end else []
    return parts


def find_windows(encode: Notation, secret: str) -> list[str]:
    """Return the parts of an encoded secret that nothing but the secret has."""
    encoded, other = encode(secret), encode("x" * len(secret))
    windows = [encoded[start : start + WINDOW] for start in range(len(encoded) - WINDOW + 1)]
    return [window for window in windows if window[: WINDOW // 2] not in other and window[WINDOW // 2 :] not in other]


@every_notation
@settings(max_examples=EXAMPLES)
@given(inner=st.sampled_from([*NOTATIONS]), secret=SECRETS, before=AROUND, after=AROUND)
def test_no_run_of_a_secret_is_shown(outer: str, inner: str, secret: str, before: str, after: str) -> None:
    def encode(text: str) -> str:
        return NOTATIONS[outer](NOTATIONS[inner](text))

    assume(not re.search(r"[\\%&][#0-9A-Za-z]*\Z", before))  # which would read on in the secret
    shown = Mask([secret])(before + encode(secret) + after)
    by_character = inner in BY_CHARACTER and outer in BY_CHARACTER
    parts = list(map(encode, divide(secret))) if by_character else [encode(secret), *find_windows(encode, secret)]
    assert [part for part in parts if part in shown] == []


@every_notation_of_characters
@settings(max_examples=EXAMPLES)
@given(
    inner=st.sampled_from([*BY_CHARACTER]),
    secret=SECRETS,
    around=st.tuples(
        st.sampled_from(["", "no such token: ", "GET /in/", "Ж "]),
        st.sampled_from(["", " \n", "...", "\u2026", " [...]", "***"]),
    ),
    data=st.data(),
)
def test_at_a_cut_three_bytes_of_a_secret_are_shown_at_most(
    outer: str, inner: str, secret: str, around: tuple[str, str], data: st.DataObject
) -> None:
    before, after = around
    assume(not secret.lower().startswith(PUBLIC[:SHORTEST]) and "\u2026" not in secret and "..." not in secret)
    assume(not re.search(r"\s", secret[:SHORTEST]))
    units = [BY_CHARACTER[outer](BY_CHARACTER[inner](char)) for char in secret]
    cut = data.draw(st.integers(0, len("".join(units))))
    whole = next(count for count in reversed(range(len(units) + 1)) if len("".join(units[:count])) <= cut)
    rest = "".join(units)[len("".join(units[:whole])) : cut]  # of a character
    shown = Mask([secret])(before + "".join(units)[:cut] + after)
    if count_bytes(secret[:whole]) < SHORTEST:
        return
    front, masked, back = shown.partition(MASKED)
    assert masked
    assert (before + units[0][:-1]).startswith(front)  # a backslash before it may be none of it
    assert (rest + after).endswith(back.lstrip())  # spaces at the end may be none of it


def find_letters(text: str) -> str:
    return re.sub("[^0-9a-z]", "", text.lower())


@pytest.mark.parametrize("loosely", LOOSELY.values(), ids=LOOSELY)
@settings(max_examples=EXAMPLES)
@given(
    pieces=st.lists(st.tuples(st.sampled_from("abcXYZ01"), st.text(ODD, max_size=2)), min_size=LETTERS),
    before=AROUND,
    after=AROUND,
)
def test_the_letters_of_a_secret_are_not_shown(
    loosely: Notation, pieces: list[tuple[str, str]], before: str, after: str
) -> None:
    secret = "".join(letter + odd for letter, odd in pieces)
    letters = find_letters(secret)
    assume(letters not in find_letters(before + after))
    shown = Mask([secret])(f"{before}({loosely(secret)}){after}")
    assert letters not in find_letters(shown)
