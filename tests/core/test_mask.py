"""No credential is shown, however a stranger quotes it, whole or cut; and nothing else is hidden."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shuttle.core.mask import MASKED, PUBLIC, Mask
from shuttle.core.runs import SHORTEST
from shuttle.core.secret import find_secrets
from tests.helpers.notations import BY_CHARACTER, NOTATIONS, Notation

SECRET = "zq9/Secret+p@ss=word"
ANY = st.characters(codec=None, categories=None)  # surrogates, too

# Those that add nothing around a text.
BARE = [
    *BY_CHARACTER,
    "base64",
    "base64 for URLs",
    "base64, at another place",
    "base64, at a third place",
    "Basic",
]
every_notation = pytest.mark.parametrize("encode", [NOTATIONS[name] for name in BARE], ids=BARE)


@every_notation
@pytest.mark.parametrize("secret", [SECRET, "zq9s", "tok en&co", "pässwörd", "100%25", "50%off", "<a'b\">", "qz" * 750])
@pytest.mark.parametrize(
    "quoted", ["{}", "no such token: {}", '{{"auth": "{}"}}', "GET /in?auth={}&x HTTP/1.1", "a\n{}\nb"]
)
def test_a_secret_is_masked_however_it_is_quoted(secret: str, encode: Notation, quoted: str) -> None:
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
        (r"no zq9\163ecret", "no ***"),
        (r"zq9s\16", r"***\16"),
        ("zq9s [...] is unknown", "*** [...] is unknown"),
        ("zq9s (truncated)", "*** (truncated)"),
        ("zq9s**** is wrong", "******* is wrong"),
        ("zq9sec\r\n    ret, or so", "***, or so"),
        ("zq9\u200bse\xadcret, or so", "***, or so"),
        ("user:zq9s...", "user:***..."),
    ],
)
def test_what_is_shown_of_a_text(text: str, shown: str) -> None:
    assert Mask(["zq9secret"])(text) == shown


def test_a_word_that_a_secret_would_have_without_its_other_characters_is_not_masked() -> None:
    mask = Mask(["zq9/pass+word"])
    assert mask("give the user and its password") == "give the user and its password"
    assert mask("zq9/pass\n    word") == MASKED


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
        (r"{\"X-Amz-Security-Token\": \"IQoJb3JpZ2lu\"}", r"{\"X-Amz-Security-Token\": \"***\"}"),
        (r"x-amz-security-token:IQoJb3Jp//Z2lu=\nhost:x", r"x-amz-security-token:***\nhost:x"),
        ("Credential=AKIAIOSFODNN7EXAMPLE/2024/us-east-1", "Credential=***/2024/us-east-1"),
        ("ASIAIOSFODNN7EXAMPLE is not authorized", "*** is not authorized"),
        ("SignedHeaders=host, Signature=0123456789abcdef.", "SignedHeaders=host, Signature=***"),
        ("The signature is wrong", "The signature is wrong"),
    ],
)
def test_what_amazon_quotes_of_a_role_is_masked(text: str, shown: str) -> None:
    assert Mask([])(text) == shown


LETTERS = st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\\*")
SECRETS = st.text(LETTERS, min_size=SHORTEST, max_size=40)
AROUND = st.text("Жя☃ \n|()~^", max_size=30)  # nothing that an encoding has, nor a secret of SECRETS


@every_notation
@settings(max_examples=30)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_a_secret_is_masked_and_nothing_else(encode: Notation, secret: str, before: str, after: str) -> None:
    assume(not set(secret) & set("Жя☃ \n|()~^") and secret != PUBLIC)
    assert Mask([secret])(before + encode(secret) + after) == before + MASKED + after


@given(secret=st.text("abcdefghij", min_size=4, max_size=40), data=st.data())
def test_a_cut_in_base64_shows_three_bytes_at_most(secret: str, data: st.DataObject) -> None:
    encoded = NOTATIONS["base64"](secret)
    cut = data.draw(st.integers(0, len(encoded)))
    shown = Mask([secret])("Basic " + encoded[:cut])
    assert shown in {"Basic " + MASKED, "Basic " + encoded[: min(cut, 5)]}


@given(st.text("abc0123456789 %&;\\+/=^#<>'\"\n\0M-ux", max_size=200))
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert Mask(["zq9secret", "https", "wxyzWXYZ" * 5, "zq9line\nzq9\x1bother", "zq9ä€"])(text) == text


@given(st.lists(st.text(ANY)), st.text(ANY))
def test_any_secrets_and_any_text_are_taken(secrets: list[str], text: str) -> None:
    shown = Mask(secrets)(text)
    assert isinstance(shown, str)


ORDINARY = [
    '<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body bgcolor=3D"white">&nbsp;&copy; nginx/1.18.0</body>',
    '{"error": {"code": 401, "message": "no such token\\u2026", "path": "\\/inputs\\/%20tag?a=b&c=%2F"}}',
    "Traceback (most recent call last):\n  File \"/srv/app.py\", line 7\n  | ValueError: b'\\x1b[1m\\n' ^^^^ ''",
    "request 0f5e6d7c8b9a4f3e2d1c0b9a8f7e6d5c, trace Root=1-67891233-abcdef012345678912345678; [127, 0, 0, 1]",
    'Basic realm="d2VsY29tZSB0byB0aGUgZHJhaW4=", 10.0.0.1:8080, 3:27:45, <7a> \\141\\142\\143 M-^A #012 „wörtlich“',
    r"C:\Program\new\table \\server\share 50% off, 100%% sure && it''s 'quoted' $'\n' ***",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_what_drains_say_without_a_secret_stays_as_it_is(text: str) -> None:
    secrets = [
        "zq9secret",
        "zq9/pass+word",
        "zq9one\nzq9two\x1b[31mzq9red",
        "pässwörd€",
        "%5A%51%39%0Azq9",
        "\\n&#10;zq9",
    ]
    mask = Mask([*secrets, "d.39ab17c0d2e4f6583b7d9e1f2a4c6b80", "token"])
    assert [mask(text[:end]) for end in range(len(text) + 1)] == [text[:end] for end in range(len(text) + 1)]
