"""Which hosts there can be, and which ones need no proxy."""

import pytest

from shuttle.core.endpoint import parse_endpoint
from shuttle.core.host_name import is_excluded, is_host, unescape_zone
from shuttle.errors import ConfigError

ODD = [
    ".example.com",
    "a..b.example",
    "x" * 64 + ".example",
    ".".join(["x" * 60] * 5),
    "-a.example",
    "a-.example",
    "*.example.com",
    "a,b.example",
    ".",
    "..",
]


@pytest.mark.parametrize(
    "name", ["localhost", "a.example", "a.example.", "x" * 63 + ".example", "log_drain.example", "127.0.0.1", "::1"]
)
def test_a_name_or_an_address_is_a_host(name: str) -> None:
    assert is_host(name)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_label_is_no_host(name: str) -> None:
    assert not is_host(name)


@pytest.mark.parametrize("zone", ["%25", "%25%25"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_empty_zone_is_no_host(scheme: str, zone: str) -> None:
    with pytest.raises(ConfigError):
        parse_endpoint(f"{scheme}://[fe80::1{zone}]/")


def test_a_zone_is_written_behind_an_encoded_percent_sign() -> None:
    assert parse_endpoint("http://[fe80::1%25eth0]/").url.netloc == b"[fe80::1%25eth0]"
    assert unescape_zone("fe80::1%25eth0") == "fe80::1%eth0"
    assert unescape_zone("drain.example") == "drain.example"


@pytest.mark.parametrize("name", [*ODD, "xn--.example", "xn--a-ecp.example", "\u2488example.com", "a\u3002.example"])
def test_a_host_that_cannot_be_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(f"https://u:zq9@{name}/")
    assert "\n" not in str(caught.value)
    assert "zq9" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "port", "patterns"),
    [
        ("a.example", 80, "*"),
        ("a.example", 80, "b.example, a.example"),
        ("A.Example.", 80, "a.example."),
        ("x.a.example", 80, "a.example"),
        ("x.a.example", 80, ".a.example"),
        ("x.a.example", 80, "*.a.example"),
        ("a.example", 8080, "a.example:8080"),
        ("10.1.2.3", 80, "10.0.0.0/8"),
        ("10.1.2.3", 80, "10.1.2.3"),
        ("10.1.2.3", 8080, "10.1.2.3:8080"),
        ("fd00::1", 80, "fd00::/8"),
        ("fd00::1", 80, "FD00:0::1"),
        ("fd00::1", 80, "[fd00::1]:80"),
        ("fd00::1", 80, "[fd00::1]"),
        ("::ffff:10.1.2.3", 80, "10.0.0.0/8"),
        ("::ffff:10.1.2.3", 80, "10.1.2.3"),
        ("::ffff:a01:203", 80, "10.1.2.3:80"),
        ("10.1.2.3", 80, "::ffff:10.1.2.3"),
        ("10.1.2.3", 80, "[::ffff:10.1.2.3]:80"),
        ("10.1.2.3", 80, "::ffff:10.0.0.0/104"),
    ],
)
def test_no_proxy_excludes_as_curl_and_go_do(host: str, port: int, patterns: str) -> None:
    assert is_excluded(host, port, patterns)


@pytest.mark.parametrize(
    ("host", "port", "patterns"),
    [
        ("a.example", 80, ""),
        ("a.example", 80, " , ,"),
        ("ba.example", 80, "a.example"),
        ("a.example", 80, "x.a.example"),
        ("a.example", 80, "a.example:8080"),
        ("11.1.2.3", 80, "10.0.0.0/8"),
        ("10.1.2.3", 80, "10.0.0.0/99"),
        ("10.1.2.30", 80, "10.1.2.3"),
        ("1.10.1.2.3.example", 80, "10.1.2.3"),
        ("fd00::1", 80, "10.0.0.0/8"),
        ("::ffff:11.0.0.1", 80, "10.0.0.0/8"),
        ("::ffff:10.0.0.1", 80, "::/0"),
        ("10.0.0.1", 80, "::ffff:10.0.0.0/95"),
        ("127.1", 80, "127.0.0.0/8"),
        ("a.example", 80, "10.0.0.0/8"),
        ("a.example", 80, "."),
    ],
)
def test_no_proxy_excludes_no_other(host: str, port: int, patterns: str) -> None:
    assert not is_excluded(host, port, patterns)
