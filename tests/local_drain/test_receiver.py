"""The local drain judges requests as logplex does, takes each batch once, and misbehaves as it is told."""

import gzip
import http.client
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from shuttle.local_drain import Behaviour, Exchange, LocalDrain

HEADER = b"<190>1 2024-01-02T03:04:05.123456+00:00 shuttle token shuttle - - "
BASIC = "Basic dG9rZW46c2VjcmV0"  # token:secret


def count(message: bytes) -> bytes:
    return b"%d %b" % (len(HEADER + message), HEADER + message)


TWO = count(b"one\n") + count(b"two\n")
CUT = gzip.compress(TWO, mtime=0)[:-1]  # the time would be in a test's name, and be another one in each worker
HEADERS = {"Content-Type": "application/logplex-1", "Logplex-Msg-Count": "2"}


def connect(drain: LocalDrain) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(drain.url.split("/")[2])


def post(
    drain: LocalDrain, body: bytes = TWO, headers: Mapping[str, str | None] | None = None, method: str = "POST"
) -> tuple[int, str]:
    """Post on a connection of its own; a header of None is left out."""
    given: dict[str, str | None] = {**HEADERS, **(headers or {})}
    connection = connect(drain)
    try:
        connection.request(method, "/logs", body, {name: value for name, value in given.items() if value is not None})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_valid_request_is_accepted_and_kept() -> None:
    with LocalDrain() as drain:
        assert post(drain) == (204, "")
    assert drain.messages == [b"one\n", b"two\n"]
    assert drain.requests[0]["Logplex-Msg-Count"] == "2"
    assert str(drain.counts) == "requests=1 refused=0 messages=2 duplicates=0 dropped=0 lost=0"


@pytest.mark.parametrize(
    ("behaviour", "headers", "body", "status", "reason"),
    [
        (Behaviour(), {"Logplex-Msg-Count": "3"}, TWO, 400, "Message count mismatch"),
        (Behaviour(), {"Logplex-Msg-Count": None}, TWO, 400, "Message count mismatch"),
        (Behaviour(), {}, TWO[:-1], 400, "frame 2: 70 bytes are announced"),
        (Behaviour(), {"Logplex-Drop-Count": "few"}, TWO, 400, "Logplex-Drop-Count is 'few'"),
        (Behaviour(), {"Content-Type": "application/logplex-1; charset=utf-8"}, TWO, 415, "Content-Type is"),
        (Behaviour(), {"Content-Type": None}, TWO, 415, "Content-Type is None"),
        (Behaviour(), {"Content-Encoding": "br"}, TWO, 415, "Content-Encoding is 'br'"),
        (Behaviour(), {"Content-Encoding": "gzip"}, TWO, 400, "bad gzip"),
        (Behaviour(), {"Content-Encoding": "gzip"}, CUT, 400, "bad gzip: it ends too early"),
        (Behaviour(), {"Content-Encoding": "gzip"}, gzip.compress(bytes(100_000_000)), 500, "more than 8000000 bytes"),
        (Behaviour(), {}, bytes(8_000_001), 500, "more than 8000000 bytes"),
        (Behaviour(max_body=100), {}, TWO, 413, "more than 100 bytes"),
        (Behaviour(auth="token:secret"), {}, TWO, 401, "no credentials"),
        (Behaviour(auth="token:secret"), {"Authorization": "Basic dG9rZW46d3Jvbmc="}, TWO, 401, "wrong credentials"),
        (Behaviour(bearer="secret"), {"Authorization": BASIC}, TWO, 401, "wrong credentials"),
        (Behaviour(status=503), {}, TWO, 503, "as -status says"),
        (Behaviour(), {"Content-Length": "many"}, TWO, 400, "Content-Length is 'many'"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(
    behaviour: Behaviour, headers: dict[str, str | None], body: bytes, status: int, reason: str
) -> None:
    with LocalDrain(behaviour) as drain:
        answer = post(drain, body, headers)
    assert answer[0] == status
    assert reason in answer[1]
    assert [(exchange.status, exchange.reason + "\n") for exchange in drain.exchanges] == [answer]
    assert drain.frames == []
    assert drain.counts.refused == 1


@pytest.mark.parametrize(
    ("behaviour", "headers", "body"),
    [
        (Behaviour(auth="token:secret"), {"Authorization": BASIC}, TWO),
        (Behaviour(auth="token:secret", bearer="s"), {"Authorization": "Bearer s"}, TWO),
        (Behaviour(), {"Authorization": "Basic anything"}, TWO),
        (Behaviour(), {"Content-Encoding": "gzip"}, gzip.compress(TWO)),
        (Behaviour(), {"Content-Encoding": "gzip"}, gzip.compress(TWO[:9]) + gzip.compress(TWO[9:])),
        (
            Behaviour(),
            {"Transfer-Encoding": "chunked"},
            b"5;x=y\r\n%b\r\n%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (TWO[:5], len(TWO) - 5, TWO[5:]),
        ),
        (Behaviour(max_body=len(TWO)), {}, TWO),
        (Behaviour(max_body=len(TWO)), {"Content-Encoding": "gzip"}, gzip.compress(TWO, 9)),
    ],
    ids=["basic", "bearer", "anyone", "gzip", "gzip in two members", "chunked", "largest", "largest unpacked"],
)
def test_every_valid_form_of_a_request_is_accepted(behaviour: Behaviour, headers: dict[str, str], body: bytes) -> None:
    with LocalDrain(behaviour) as drain:
        assert post(drain, body, headers) == (204, "")
    assert drain.messages == [b"one\n", b"two\n"]


def test_any_other_method_is_refused_with_the_reason() -> None:
    with LocalDrain() as drain:
        assert post(drain, method="GET") == (405, "log-shuttle sends POST and not GET\n")
        assert post(drain, method="BREW") == (501, "Not Implemented\n")
    assert drain.messages == []


def test_a_duplicate_batch_is_counted_and_not_kept() -> None:
    counts = {"Logplex-Drop-Count": "5", "Logplex-Lost-Count": "7"}
    with LocalDrain() as drain:
        for frame_id in ("a", "b", "a"):
            assert post(drain, headers=counts | {"Logplex-Frame-Id": frame_id})[0] == 204
    assert drain.messages == [b"one\n", b"two\n"] * 2
    assert str(drain.counts) == "requests=3 refused=0 messages=4 duplicates=2 dropped=10 lost=14"


def test_a_refused_batch_sent_again_is_no_duplicate() -> None:
    with LocalDrain(Behaviour(status=503, times=1)) as drain:
        assert [post(drain, headers={"Logplex-Frame-Id": "a"})[0] for _ in range(2)] == [503, 204]
    assert drain.counts.duplicates == 0
    assert len(drain.messages) == 2


def test_a_connection_serves_many_requests() -> None:
    """It is kept after accepted and refused requests."""
    with LocalDrain() as drain:
        connection = connect(drain)
        statuses = []
        for headers in (HEADERS, HEADERS | {"Content-Type": "text/plain"}, HEADERS):
            connection.request("POST", "/", TWO, headers)
            sock = connection.sock
            with connection.getresponse() as answer:
                answer.read()
                statuses.append((answer.status, connection.sock is sock))
        connection.close()
    assert statuses == [(204, True), (415, True), (204, True)]


def test_options_may_change_while_it_runs() -> None:
    with LocalDrain(Behaviour(status=500)) as drain:
        assert post(drain)[0] == 500
        drain.behaviour = Behaviour()
        assert post(drain)[0] == 204


def test_misbehaviour_ends_after_a_number_of_requests() -> None:
    with LocalDrain(Behaviour(status=429, retry_after=7, times=2)) as drain:
        connection = connect(drain)
        answers = []
        for _ in range(3):
            connection.request("POST", "/", TWO, HEADERS)
            with connection.getresponse() as answer:
                answer.read()
                answers.append((answer.status, answer.headers["Retry-After"]))
        connection.close()
    assert answers == [(429, "7"), (429, "7"), (204, None)]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(Behaviour(close=True), http.client.RemoteDisconnected), (Behaviour(reset=True), ConnectionResetError)],
)
def test_a_connection_may_end_without_an_answer(behaviour: Behaviour, error: type[Exception]) -> None:
    with LocalDrain(behaviour) as drain, pytest.raises(error) as caught:
        post(drain)
    assert type(caught.value) is error
    assert [exchange.status for exchange in drain.exchanges] == [0]
    assert drain.counts.refused == 1


def test_a_delayed_request_counts_after_its_client_left() -> None:
    with LocalDrain(Behaviour(delay=0.05)) as drain:
        connection = connect(drain)
        connection.request("POST", "/", TWO, HEADERS)
        connection.close()
        assert drain.wait_for(messages=2)
    assert drain.exchanges[0].reason == "kept waiting 0.05 s, as -delay says"


def test_closing_the_drain_answers_waiting_requests() -> None:
    with LocalDrain(Behaviour(delay=3600)) as drain:
        connection = connect(drain)
        connection.request("POST", "/", TWO, HEADERS)
        assert drain.wait_for(requests=1)
    with connection.getresponse() as answer:
        assert answer.status == 204
        assert answer.headers["Connection"] == "close"
    connection.close()


def test_a_client_leaving_in_mid_body_is_reported() -> None:
    seen: list[Exchange] = []
    with LocalDrain(watch=seen.append) as drain:
        connection = connect(drain)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(TWO)
        assert drain.wait_for(requests=1)
        connection.close()
    assert [exchange.reason for exchange in seen] == [
        "connection lost: the client went away in the middle of its request"
    ]
    assert drain.counts.refused == 1


def test_https_is_spoken_with_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = tmp_path / "drain.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with LocalDrain(Behaviour(cert=pem)) as drain:
        assert drain.url.startswith("https://127.0.0.1:")
        connection = http.client.HTTPSConnection(drain.url.split("/")[2], context=context)
        for _ in range(2):
            connection.request("POST", "/", TWO, HEADERS)
            with connection.getresponse() as answer:
                assert answer.status == 204
    connection.close()
