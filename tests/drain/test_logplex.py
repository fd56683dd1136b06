"""The request of a batch has what logplex and its kin ask for, and nothing that tells a secret."""

import platform
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle import __version__
from shuttle.core.batch import Batch
from shuttle.core.frame import Framer
from shuttle.drain.http.client import user_agent
from shuttle.drain.logplex import Logplex
from tests.helpers.clients import make_idle_client
from tests.helpers.frames import HEADER, STAMP, make_config, read_messages, walk
from tests.helpers.requests import ID, LATER, basic, make_batch, make_request, owe

L12 = f"138 <172>1 {LATER} heroku token log-shuttle - - Error L12: 2 messages dropped since {STAMP}\n".encode()
L13 = f"135 <172>1 {LATER} heroku token log-shuttle - - Error L13: 2 messages lost since {STAMP}\n".encode()


def test_a_request_is_a_post_of_the_frames() -> None:
    request = make_request([b"Hello World", b"Test Line 2"])
    assert request.method == "POST"
    assert request.read() == b"78 %bHello World\n78 %bTest Line 2\n" % (HEADER, HEADER)


def test_each_header_appears_once() -> None:
    """The content type has no parameter."""
    for settings in ({}, {"gzip": True, "drain_token": "d.1", "bearer_token": "abc"}):
        headers = make_request([b"a"], owe(1, 1), **settings).headers
        names = [name.lower() for name, _ in headers.raw]
        assert len(names) == len(set(names))
        assert headers["Content-Type"] == "application/logplex-1"
        assert "Transfer-Encoding" not in headers


@pytest.mark.parametrize("lines", [[b""], [b"a"], [b"a", "é€".encode()], [b"x" * 30_000]])
@pytest.mark.parametrize("gzip", [False, True])
def test_the_content_length_is_that_of_the_body(lines: list[bytes], gzip: bool) -> None:
    request = make_request(lines, owe(dropped=3), gzip=gzip)
    assert request.headers["Content-Length"] == str(len(request.read()))


def test_go_row_dropped_lines_are_reported_first() -> None:
    request = make_request(owed=owe(dropped=2))
    assert request.read() == L12 + b"78 %bHello World\n" % HEADER
    assert request.headers["Logplex-Drop-Count"] == "2"
    assert request.headers["Logplex-Msg-Count"] == "2"
    assert "Logplex-Lost-Count" not in request.headers


def test_go_row_lost_lines_are_reported_first() -> None:
    request = make_request(owed=owe(lost=2))
    assert request.read() == L13 + b"78 %bHello World\n" % HEADER
    assert request.headers["Logplex-Lost-Count"] == "2"
    assert request.headers["Logplex-Msg-Count"] == "2"
    assert "Logplex-Drop-Count" not in request.headers


def test_dropped_lines_are_reported_before_lost_ones() -> None:
    request = make_request(owed=owe(dropped=2, lost=2))
    assert request.read() == L12 + L13 + b"78 %bHello World\n" % HEADER
    assert request.headers["Logplex-Msg-Count"] == "3"


def test_a_request_without_losses_has_no_report() -> None:
    request = make_request()
    assert read_messages(request.read()) == [b"Hello World"]
    assert {"Logplex-Drop-Count", "Logplex-Lost-Count"}.isdisjoint(request.headers)


@pytest.mark.parametrize("input_format", ["raw", "rfc5424", "lprfc5424"])
@given(
    lengths=st.lists(st.integers(1, 25_000), min_size=1, max_size=5), dropped=st.integers(0, 3), lost=st.integers(0, 3)
)
def test_the_message_count_includes_reports(input_format: str, lengths: list[int], dropped: int, lost: int) -> None:
    request = make_request([b"x" * length for length in lengths], owe(dropped, lost), input_format=input_format)
    assert request.headers["Logplex-Msg-Count"] == str(len(walk(request.read())))


def test_a_request_may_hold_reports_alone() -> None:
    config = make_config()
    batch = Batch(ID, b"", 0, 0, (), 0.0)
    request = Logplex(config, Framer(config.framing), make_idle_client()).make_request(
        batch, owe(dropped=2, lost=2), stamp=LATER
    )
    assert request.read() == L12 + L13
    assert request.headers["Logplex-Msg-Count"] == "2"


# --- ids ---


def test_both_ids_are_the_batchs_32_hex_digits() -> None:
    headers = make_request().headers
    assert headers["X-Request-Id"] == headers["Logplex-Frame-Id"] == ID
    assert re.fullmatch("[0-9a-f]{32}", ID)


@pytest.mark.parametrize("gzip", [False, True])
def test_the_same_batch_makes_the_same_request(gzip: bool) -> None:
    config = make_config(gzip=gzip)
    framer = Framer(config.framing)
    drain = Logplex(config, framer, make_idle_client())
    batch = make_batch([b"a", b"b"], framer)
    first, second = (drain.make_request(batch, owe(1, 2), stamp=STAMP) for _ in range(2))
    assert first.read() == second.read()
    assert first.headers.raw == second.headers.raw
    # What another batch is owed does not stay in the headers.
    assert drain.make_request(batch, owe(), stamp=STAMP).headers["Logplex-Msg-Count"] == "2"


def test_halves_are_requests_of_their_own() -> None:
    config = make_config()
    framer = Framer(config.framing)
    drain = Logplex(config, framer, make_idle_client())
    batch = make_batch([b"a", b"b", b"c"], framer)
    requests = [drain.make_request(half, owe(), stamp=STAMP) for half in batch.halve()]
    assert [request.headers["Logplex-Msg-Count"] for request in requests] == ["1", "2"]
    assert len({ID, *(request.headers["Logplex-Frame-Id"] for request in requests)}) == 3


def test_the_drain_token_is_the_appname_unless_it_is_set() -> None:
    assert make_request(drain_token="d.42").headers["Logplex-Drain-Token"] == "d.42"
    assert make_request(appname="web").headers["Logplex-Drain-Token"] == "web"


# --- where and as whom ---


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({"logs_url": "https://foo:bar@host/"}, basic("foo:bar")),
        ({"logs_url": "https://foo:bar@host/", "bearer_token": "abc"}, "Bearer abc"),
        ({"bearer_token": "abc"}, "Bearer abc"),
        ({"logs_url": "https://foo@host/"}, basic("foo:")),
        ({"logs_url": "https://f%6fo:b%40%2F%3Ar@host/"}, basic("foo:b@/:r")),
        ({}, basic("token:token")),
        ({"appname": "t.1234"}, basic("token:t.1234")),
    ],
)
def test_exactly_one_authorization_is_sent(settings: dict[str, Any], authorization: str) -> None:
    assert make_request(**settings).headers.get_list("Authorization") == [authorization]


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://host", b"host", b"/"),
        ("https://foo:secret@host#part", b"host", b"/"),
        ("https://foo:secret@host:8443/logs?x=1&y#part", b"host:8443", b"/logs?x=1&y"),
        ("http://[::1]:5000/logs", b"[::1]:5000", b"/logs"),
    ],
)
def test_the_url_sent_has_no_userinfo_and_no_fragment(url: str, host: bytes, target: bytes) -> None:
    request = make_request(logs_url=url)
    assert request.url.raw_path == target
    assert request.url.userinfo == b""
    assert request.url.fragment == ""
    assert request.headers["Host"].encode() == request.url.netloc == host
    assert "secret" not in f"{request.url} {request!r}"


def test_the_user_agent_names_version_and_platform() -> None:
    agent = make_request().headers["User-Agent"]
    version = rf"log-shuttle/{re.escape(__version__)}"
    system = f"{re.escape(platform.system().lower())}; {re.escape(platform.machine())}"
    implementation = re.escape(platform.python_implementation())
    assert re.fullmatch(rf"{version} \(python3\.\d+\.\d+\S*; {system}; {implementation}\)", agent)
    assert agent == user_agent()


def test_the_request_sets_every_header_itself() -> None:
    assert {name.decode() for name, _ in make_request().headers.raw} == {
        *("Host", "User-Agent", "Authorization", "Content-Type", "Content-Length"),
        *("X-Request-Id", "Logplex-Frame-Id", "Logplex-Msg-Count", "Logplex-Drain-Token"),
    }
