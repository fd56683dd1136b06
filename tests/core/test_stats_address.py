import pytest

from shuttle.core.stats_address import may_be_called, parse_stats_address

NAMES = frozenset({"localhost", "web-1"})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        (":9100", ("127.0.0.1", 9100)),
        ("9100", ("127.0.0.1", 9100)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9100", ("0.0.0.0", 9100)),
        ("[::1]:9100", ("::1", 9100)),
        ("[fe80::1%eth0]:9100", ("fe80::1%eth0", 9100)),
        ("localhost:65535", ("localhost", 65535)),
        ("web-1.example:80", ("web-1.example", 80)),
    ],
)
def test_an_address_may_leave_the_host_out(text: str, address: tuple[str, int]) -> None:
    assert parse_stats_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ":",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "::1:9100",
        "[::1]",
        "a b:1",
        "http://a:1",
        "a:1/",
        "-1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert parse_stats_address(text) is None


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("127.0.0.1:9100", True),
        ("127.0.0.1", True),
        ("10.1.2.3:9100", True),
        ("[::1]:9100", True),
        ("localhost:9100", True),
        ("LOCALHOST.", True),
        ("web-1:9100", True),
        ("evil.example:9100", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("", False),
        ("localhost:9100:9100", False),
        ("localhost/", False),
    ],
)
def test_a_name_of_elsewhere_is_not_answered(host: str, *, meant: bool) -> None:
    """A page can have its own name lead here, and cannot call itself by an IP address or a name of ours."""
    assert may_be_called(host, NAMES) is meant
