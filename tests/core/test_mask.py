"""No credential is shown, however a stranger quotes it, whole or cut; and nothing else is hidden."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shuttle.core.mask import MASKED, RUN, SHORTEST, Mask, find_secrets

SECRET = "zq9/Secret+p@ss=word"


def percent(text: str) -> str:
    return quote(text, safe="")


def percent_all(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def in_json_all(text: str) -> str:
    return "".join(f"\\u{ord(char):04X}" for char in text)


def in_html(text: str) -> str:
    return html.escape(text)


def in_html_all(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def in_urlsafe_base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def as_basic(text: str) -> str:
    return base64.b64encode(f"user:{text}".encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": lambda text: text.encode().upper().decode(),  # of ASCII
    "percent": percent,
    "percent, lower case": lambda text: percent(text).lower(),
    "percent, all of it": percent_all,
    "percent, twice": lambda text: percent(percent(text)),
    "a form's": lambda text: percent(text).replace("%20", "+"),
    "JSON": in_json,
    "JSON, slashes too": lambda text: in_json(text).replace("/", "\\/"),
    "JSON, all of it": in_json_all,
    "JSON in JSON": lambda text: in_json(in_json(text)),
    "Python's bytes": lambda text: repr(text.encode())[2:-1],
    "HTML": in_html,
    "HTML, all of it": in_html_all,
    "base64": in_base64,
    "base64 for URLs": in_urlsafe_base64,
    "base64, percent": lambda text: percent(in_base64(text)),
    "base64, at another place": lambda text: in_base64(f"x{text}y"),
    "base64, at a third place": lambda text: in_base64(f"xx{text}yy"),
    "Basic": as_basic,
}
every_encoding = pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)


@every_encoding
@pytest.mark.parametrize("secret", [SECRET, "zq9s", "tok en&co", "pässwörd", "100%25", "50%off", "<a'b\">", "x" * 1500])
@pytest.mark.parametrize(
    "quoted", ["{}", "no such token: {}", '{{"auth": "{}"}}', "GET /in?auth={}&x HTTP/1.1", "a\n{}\nb"]
)
def test_a_secret_is_masked_however_it_is_quoted(secret: str, encode: Callable[[str], str], quoted: str) -> None:
    mask = Mask([secret])
    assert mask(quoted.format(encode(secret))) == quoted.format(MASKED)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Authorization: Basic dXNlcjp6cTlzZWNyZXQ=", "Authorization: Basic ***"),
        ("Authorization: Bearer zq9secret", "Authorization: Bearer ***"),
        ("bearer ZQ9SECRET", "bearer ***"),
        ("zq9secretzq9secret", "***"),
        ("zq9secret zq9secret", "*** ***"),
        ("xzq9secretx", "x***x"),
        ("/in/zq9secre", "/in/***"),
        ("zq9secr", "***"),
        ("zq9s", "***"),
        ("zq9", "zq9"),
        ('"zq9s..."', '"***..."'),
        ("zq9se\u2026 is unknown", "***\u2026 is unknown"),
        ("zq9se is unknown", "zq9se is unknown"),
        ("q9secret", "***"),
        ("9secret", "9secret"),
        ("zq9s%", "***%"),
        ("%7Aq9s%6", "***%6"),
        ("zq9se\ufffd", "***\ufffd"),
        ("zq9se \n", "*** \n"),
        ("dXNlcjp6cTlzZ", "***"),
        ("dXNlcjp6cTl", "dXNlcjp6cTl"),
        (r"zq\9s\ecret", "***"),
        ("the queue is full", "the queue is full"),
    ],
)
def test_what_is_shown_of_a_text(text: str, shown: str) -> None:
    assert Mask(["zq9secret"])(text) == shown


@pytest.mark.parametrize("secret", ["", "a", "ab", "abc", "token"])
def test_what_every_text_may_hold_is_not_masked(secret: str) -> None:
    text = "abc, no such token: ab c"
    assert Mask([secret])(text) == text


def test_the_public_user_is_no_secret_and_the_password_is() -> None:
    mask = Mask(find_secrets("https://token:x@drain.example/"))
    assert mask("no such token") == "no such token"
    assert mask("no such token: token:x, Basic dG9rZW46eA==") == "no such token: ***, Basic ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-amz-security-token:IQoJb3Jp//Z2lu=\nhost:x", "x-amz-security-token:***\nhost:x"),
        ('"X-Amz-Security-Token": "IQoJb3JpZ2lu"', '"X-Amz-Security-Token": "***"'),
        ("Credential=AKIAIOSFODNN7EXAMPLE/2024/us-east-1", "Credential=***/2024/us-east-1"),
        ("ASIAIOSFODNN7EXAMPLE is not authorized", "*** is not authorized"),
        ("SignedHeaders=host, Signature=0123456789abcdef.", "SignedHeaders=host, Signature=***"),
        ("The signature is wrong", "The signature is wrong"),
    ],
)
def test_what_amazon_quotes_of_a_role_is_masked(text: str, shown: str) -> None:
    assert Mask([])(text) == shown


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
    ],
)
def test_the_secrets_of_a_setting_are_found(value: str, secrets: set[str]) -> None:
    assert set(find_secrets(value)) - {""} == secrets - {""}


LETTERS = st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\\*")
SECRETS = st.text(LETTERS, min_size=SHORTEST, max_size=40)
AROUND = st.text("Жя☃ \n|()~^", max_size=30)  # nothing that an encoding has, nor a secret of SECRETS


def is_long_enough(secret: str) -> bool:
    """Say whether enough is left of a secret that looks as if it were encoded."""
    return len(html.unescape(unquote(unquote(secret))).strip()) >= SHORTEST and secret != "token"


@every_encoding
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_a_secret_is_masked_and_nothing_else(
    encode: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    assume(is_long_enough(secret) and not set(secret) & set("Жя☃ \n|()~^"))
    assert Mask([secret])(before + encode(secret) + after) == before + MASKED + after


@every_encoding
@given(secret=SECRETS, before=st.text(), after=st.text())
def test_no_run_of_a_secret_is_shown_in_any_text(
    encode: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    """Whatever stands around it, and seems to be a part of it."""
    assume(is_long_enough(secret))
    encoded = encode(secret)
    shown = Mask([secret])(before + encoded + after)
    length = min(len(secret), RUN)
    assert not any(secret[start : start + length] in shown for start in range(len(secret) - length + 1))
    assert encoded not in shown


UNITS: dict[str, Callable[[str], list[str]]] = {
    "plain": list,
    "percent": lambda text: [percent(char) for char in text],
    "percent, all of it": lambda text: [percent_all(char) for char in text],
    "JSON": lambda text: [in_json(char) for char in text],
    "JSON, all of it": lambda text: [in_json_all(char) for char in text],
    "HTML, all of it": lambda text: [in_html_all(char) for char in text],
}


@pytest.mark.parametrize("divide", UNITS.values(), ids=UNITS)
@given(
    secret=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\%&*"), min_size=4),
    before=AROUND,
    data=st.data(),
)
def test_a_cut_shows_three_characters_at_most(
    divide: Callable[[str], list[str]], secret: str, before: str, data: st.DataObject
) -> None:
    assume(not secret.startswith("tok") and not set(secret) & set("|()~^") and not secret.startswith("..."))
    units = divide(secret)
    encoded = "".join(units)
    cut = data.draw(st.integers(0, len(encoded)))
    shown = Mask([secret])(before + encoded[:cut])
    assert shown.startswith(before)
    rest = shown[len(before) :].replace(MASKED, "")
    assert len(rest) < max(len("".join(units[:SHORTEST])), *map(len, units)) + 1
    assert rest == encoded[:cut] or len(rest) < max(map(len, units))


@given(secret=st.text("abcdefghij", min_size=4, max_size=40), data=st.data())
def test_a_cut_in_base64_shows_three_bytes_at_most(secret: str, data: st.DataObject) -> None:
    encoded = in_base64(secret)
    cut = data.draw(st.integers(0, len(encoded)))
    shown = Mask([secret])("Basic " + encoded[:cut])
    assert shown in {"Basic " + MASKED, "Basic " + encoded[: min(cut, 5)]}


@given(st.text("abc0123456789 %&;\\+/=", max_size=200))
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert Mask(["zq9secret", "https", "wxyzWXYZ" * 5])(text) == text


@given(st.lists(st.text()), st.text())
def test_any_secrets_and_any_text_are_taken(secrets: list[str], text: str) -> None:
    mask = Mask(secrets)
    shown = mask(text)
    assert isinstance(shown, str)
