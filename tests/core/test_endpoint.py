"""The drain's URL: what is requested, what authorizes, what may be shown, and what is refused."""

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shuttle.core.endpoint import parse_endpoint
from shuttle.errors import ConfigError

MARK = "zq9secret"
SPECIAL = st.text(alphabet="az09:/?#@%[]\\ !$&'()*+,;=~^|{}`\"<>-_.é\n\x00\udc80", max_size=6)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def tell(url: str) -> str:
    """Return all that a log may hold of `url`."""
    try:
        endpoint = parse_endpoint(url)
    except ConfigError as error:
        return str(error)
    return f"{endpoint!r} {endpoint.shown} {endpoint.url!r}"


@pytest.mark.parametrize(
    ("url", "bearer_token", "authorization"),
    [
        ("https://foo:bar@host/", "", basic("foo:bar")),
        ("https://foo:bar@host/", "abc", "Bearer abc"),
        ("https://host/", "abc", "Bearer abc"),
        ("https://host/", "", basic("token:web")),
        ("https://foo@host/", "", basic("foo:")),
        ("https://foo:@host/", "", basic("foo:")),
        ("https://:bar@host/", "", basic(":bar")),
        ("https://f%6fo:b%40%2F%3A@host/", "", basic("foo:b@/:")),
        ("https://foo:b%C3%A9r@host/", "", basic("foo:bér")),
        ("https://foo:bér@host/", "", basic("foo:bér")),
        ("https://foo:b:r@host/", "", basic("foo:b:r")),
    ],
)
def test_bearer_wins_over_userinfo_which_wins_over_the_appname(url: str, bearer_token: str, authorization: str) -> None:
    assert parse_endpoint(url, bearer_token=bearer_token, appname="web").authorization == authorization


@pytest.mark.parametrize(
    ("url", "shown", "target"),
    [
        ("http://host", "http://host", "/"),
        ("https://u:p@host:8443/logs?x=1#frag", "https://host:8443", "/logs?x=1"),
        ("HTTPS://HOST/Path", "https://host", "/Path"),
        ("http://u:p@[::1]:80/a", "http://[::1]", "/a"),
        ("http://[2001:db8::1]:5000", "http://[2001:db8::1]:5000", "/"),
        ("http://host?x=1", "http://host", "/?x=1"),
        ("http://host/%40me", "http://host", "/%40me"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9", "/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example", "/"),
    ],
)
def test_the_request_has_a_path_but_no_userinfo_and_no_fragment(url: str, shown: str, target: str) -> None:
    endpoint = parse_endpoint(url)
    assert endpoint.shown == shown
    assert endpoint.url.raw_path.decode() == target
    assert f"{endpoint.url.scheme}://{endpoint.url.netloc.decode()}" == shown
    assert endpoint.url.userinfo == b""
    assert endpoint.url.fragment == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no drain: give -logs-url"),
        (f"ftp://u:{MARK}@host/", "no http or https scheme"),
        (f"//u:{MARK}@host/", "no http or https scheme"),
        ("drain.example/logs", "no http or https scheme"),
        (f"https:///{MARK}", "names no host"),
        (f"https://u:{MARK}@/", "names no host"),
        (f"https://u:{MARK}@host:port/", "cannot be parsed"),
        (f"https://u:{MARK}@[::1/", "cannot be parsed"),
        (f"https://u:{MARK}@xn--a-ecp.example/", "a host that is not a valid international name"),
        (f"https://u:{MARK}@\u2603\u2603.example/", "a host that is not a valid international name"),
        (f"https://u:{MARK}@host:0/", "port"),
        (f"https://u:{MARK}@host:65536/", "port"),
        (f"https://u:{MARK} x@host/", "a space or a control character"),
        (f"https://u:{MARK}\n@host/", "a space or a control character"),
        (f"https://u:{MARK}%zz@host/", "two hex digits"),
        (f"https://u:{MARK}%@host/", "two hex digits"),
        (f"https://u:1/{MARK}@host/", "before an @"),
        (f"https://u:1?{MARK}@host/", "before an @"),
        (f"https://u:1#{MARK}@host/", "before an @"),
        (f"https://{MARK}/x@host/", "before an @"),
        (f"https://u:p@{MARK}/x@host/", "before an @"),
        (f"https://me@corp.example:12/{MARK}@host/", "before an @"),
        (f"https://my.user:12/{MARK}@host/", "before an @"),
        (f"https://u:{MARK}\udc80@host/", "cannot be parsed"),
        (f"https://u:{MARK}@kinesis.us-east-1.amazonaws.com/", "names no stream"),
        ("https://u:987654", "port"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_endpoint(url)
    assert MARK not in str(caught.value)
    assert "987654" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "https://drain.example/in?user=me@there.example",
        "https://u:p@drain.example/@me/in",
        "http://127.0.0.1:8080/a@b",
        "http://localhost:8080/a@b",
        "http://[::1]:8080/a@b",
    ],
)
def test_an_at_sign_in_path_or_query_is_legal(url: str) -> None:
    assert "@" in str(parse_endpoint(url).url)


@given(user=SPECIAL, before=SPECIAL, after=SPECIAL, host=st.sampled_from(["host", "[::1]", "host:80", ""]))
def test_no_password_is_ever_shown(user: str, before: str, after: str, host: str) -> None:
    """Whatever stands unencoded in a URL's password, neither an error nor the repr nor `shown` holds it."""
    assume("@" not in user)  # else the user means the rest to be the host
    assert MARK not in tell(f"https://{user}:{before}{MARK}{after}@{host}/logs").lower()


@given(st.text(min_size=1), st.text())
def test_percent_encoded_credentials_arrive_as_they_were(user: str, password: str) -> None:
    assume(":" not in user)
    encoded = ["".join(f"%{byte:02x}" for byte in part.encode()) for part in (user, password)]
    endpoint = parse_endpoint(f"https://{encoded[0]}:{encoded[1]}@host/")
    assert endpoint.authorization == basic(f"{user}:{password}")
