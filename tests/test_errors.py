"""How an error quotes a value."""

import pytest

from shuttle.errors import quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a b", "'a b'"),
        ("a\nb", r"'a\nb'"),
        ("x" * 61, "'" + "x" * 60 + "...'"),
        ("//u:p@h", "(not shown: it may hold a password)"),
        ("https://u", "(not shown: it may hold a password)"),
        ("--token=p", "'--token'"),
    ],
)
def test_a_value_is_quoted_unless_it_may_hold_a_credential(text: str, quoted: str) -> None:
    assert quote(text) == quoted
