"""What comes of one POST, as a value. The transports are fakes, and the time is virtual."""

import errno
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from shuttle.clock import bind_clocks
from shuttle.core.mask import Mask
from shuttle.core.outcome import Reply
from shuttle.drain.http.client import CONTENT_LIMIT, ENDLESS_PATIENCE, PATIENCE, Client
from shuttle.drain.http.failures import SHOWN
from tests.helpers.chunks import cut_at
from tests.helpers.clients import attempt, wall
from tests.helpers.drains import NEVER
from tests.helpers.virtual import virtual

TIMEOUT = 5.0  # seconds
Step = bytes | float | Exception
REQUEST = httpx.Request("POST", "http://drain.example/", content=b"lines")
BROKEN: list[Exception] = [
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("incomplete chunked read"),
    httpx.ReadTimeout(""),
    ConnectionResetError(),
    OSError(errno.ETIMEDOUT, "Connection timed out"),
]


class Body(httpx.AsyncByteStream):
    """A body that goes through its steps: bytes are given, numbers are seconds, and an error breaks it off."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.given = 0
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self.steps:
            if isinstance(step, bytes):
                self.given += len(step)
                yield step
            elif isinstance(step, Exception):
                raise step
            else:
                await trio.sleep(step)

    async def aclose(self) -> None:
        self.closed += 1


class Transport(httpx.AsyncBaseTransport):
    """Answers every request alike, or fails."""

    def __init__(
        self,
        status: int = 204,
        body: Body | None = None,
        *,
        headers: dict[str, str] | None = None,
        phrase: str | None = None,
        delay: float = 0.0,
        error: Exception | None = None,
        ends: bool = True,
    ) -> None:
        self.body = body or Body()
        self.error = error
        self.delay = delay
        self.cancelled = 0
        extensions = {} if phrase is None else {"reason_phrase": phrase.encode()}
        headers = {"Transfer-Encoding": "chunked"} | (headers or {}) if ends else headers
        self.response = httpx.Response(status, headers=headers, stream=self.body, extensions=extensions)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request is REQUEST
        try:
            await trio.sleep(self.delay)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.response


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("body", [(), (b"thanks",), (b"\xff" * 10_000,), (0.5, b"late")])
@virtual
async def test_a_success_has_only_its_status(status: int, body: tuple[Step, ...]) -> None:
    transport = Transport(status, Body(*body), headers={"Retry-After": "7"})
    assert await attempt(transport, REQUEST, TIMEOUT) == Reply(status=status)
    assert transport.body.closed == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"Message count mismatch", "Message count mismatch"),
        (b" \r\n no such token \n", "no such token"),
        ("größer als erlaubt".encode(), "größer als erlaubt"),
        (b"caf\xe9 closed", "caf\ufffd closed"),
        (b"x" * SHOWN, "x" * SHOWN),
        (b"x" * (SHOWN + 1), "x" * SHOWN),
        (b"y" * CONTENT_LIMIT, "y" * SHOWN),
        (b"<p>\nno\n</p>", "<p>\nno\n</p>"),
    ],
)
@virtual
async def test_a_refusal_quotes_the_start_of_the_answer(body: bytes, text: str) -> None:
    transport = Transport(418, Body(body))
    assert await attempt(transport, REQUEST, TIMEOUT) == Reply(status=418, error=text)
    assert transport.body.closed == 1


@pytest.mark.parametrize("left", range(1, 24))
@pytest.mark.parametrize(
    ("quoted", "beginning"),
    [
        ("zq9secret", "zq9s"),
        ("%7aq9%73ecret", "%7aq9%73"),
        (r"\u007aq9secret", r"\u007aq9s"),
        ("enE5c2VjcmV0", "enE5c2"),
        ("dXNlcjp6cTlzZWNyZXQ=", "dXNlcj"),
    ],
)
@virtual
async def test_a_credential_that_the_cut_divides_is_masked(quoted: str, beginning: str, left: int) -> None:
    transport = Transport(403, Body(b"." * (SHOWN - left) + quoted.encode() + b" is unknown"))
    outcome = await attempt(transport, REQUEST, TIMEOUT)
    assert quoted[:left] in outcome.error
    assert beginning not in Mask(["user", "zq9secret"])(outcome.error)


@given(st.lists(st.integers(0, 2 * SHOWN)))
def test_a_refusals_text_does_not_depend_on_the_chunks(places: list[int]) -> None:
    body = b"".join(b"%03d " % number for number in range(SHOWN // 2))

    @virtual
    async def check() -> None:
        outcome = await attempt(Transport(400, Body(*cut_at(body, places))), REQUEST, TIMEOUT)
        assert outcome.error == body[:SHOWN].decode().strip()

    check()


@pytest.mark.parametrize("body", [b"", b"\r\n", b" \t "])
@pytest.mark.parametrize(
    ("status", "phrase", "text"),
    [
        (503, None, "Service Unavailable"),
        (503, "Closed For Today", "Closed For Today"),
        (599, None, ""),  # no RFC has a phrase for it
        (404, None, "Not Found"),
    ],
)
@virtual
async def test_a_refusal_without_a_body_has_its_reason_phrase(
    status: int, phrase: str | None, text: str, body: bytes
) -> None:
    outcome = await attempt(Transport(status, Body(body), phrase=phrase), REQUEST, TIMEOUT)
    assert (outcome.status, outcome.error) == (status, text)


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.MOVED_PERMANENTLY, 308, 404, 413, 415])
@virtual
async def test_a_refusal_that_the_user_can_fix_has_advice(status: int) -> None:
    assert (await attempt(Transport(status), REQUEST, TIMEOUT)).advice


@pytest.mark.parametrize("status", [301, 413, 429, 500, 503])
@pytest.mark.parametrize("value", ["7", "Fri, 31 Dec 2999 23:59:59 GMT", "soon"])
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
@virtual
async def test_a_refusal_has_its_retry_after_unchanged(status: int, value: str, name: str) -> None:
    outcome = await attempt(Transport(status, headers={name: value}), REQUEST, TIMEOUT)
    assert (outcome.status, outcome.retry_after) == (status, value)


def caused_by(cause: BaseException, error: httpx.TransportError | None = None) -> httpx.TransportError:
    """Return an error as httpx raises it: of another, and that of another still."""
    middle = RuntimeError("All connection attempts failed")
    middle.__cause__ = cause
    error = error or httpx.ConnectError("All connection attempts failed")
    error.__context__ = middle
    return error


@pytest.mark.parametrize(
    ("error", "text", "advice"),
    [
        (caused_by(ConnectionRefusedError(errno.ECONNREFUSED, "x")), "connection refused", "host and port"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused", "host and port"),
        (
            caused_by(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
            "the drain's host name is not known: Name or service not known",
            "check the host of -logs-url",
        ),
        (
            caused_by(ConnectionResetError(errno.ECONNRESET, "x"), httpx.ReadError("")),
            "connection reset",
            "http: or https:",
        ),
        (
            caused_by(BrokenPipeError(errno.EPIPE, "x"), httpx.WriteError("")),
            "connection reset",
            "http: or https:",
        ),
        (caused_by(OSError(errno.ENETUNREACH, "Network is unreachable")), "Network is unreachable", "host and port"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host", "host and port"),
        (httpx.RemoteProtocolError("closed without an answer"), "closed without an answer", "if it never worked"),
        (httpx.ProxyError("the proxy said nothing"), "the proxy said nothing", "host and port of the proxy"),
        (
            caused_by(ConnectionRefusedError(errno.ECONNREFUSED, "x"), httpx.ProxyError("")),
            "connection refused by the proxy",
            "host and port of the proxy",
        ),
        (
            caused_by(OSError(errno.ENETUNREACH, "Network is unreachable"), httpx.ProxyError("")),
            "no connection to the proxy: Network is unreachable",
            "host and port of the proxy",
        ),
        (httpx.PoolTimeout(""), "PoolTimeout", ""),
        (httpx.UnsupportedProtocol("no such scheme"), "no such scheme", ""),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, Exception) else None,
)
@virtual
async def test_no_answer_is_an_outcome_with_error_and_advice(error: Exception, text: str, advice: str) -> None:
    outcome = await attempt(Transport(error=error), REQUEST, TIMEOUT)
    assert (outcome.status, outcome.error, outcome.retry_after) == (None, text, "")
    assert advice in outcome.advice
    assert bool(advice) == bool(outcome.advice)


@pytest.mark.parametrize("error", [LookupError, AssertionError, RuntimeError])
@virtual
async def test_a_programming_error_is_raised(error: type[Exception]) -> None:
    with pytest.raises(error):
        await attempt(Transport(error=error()), REQUEST, TIMEOUT)


@pytest.mark.parametrize(("limit", "shown"), [(5.0, "5s"), (0.25, "0.25s"), (90.0, "90s")])
@virtual
async def test_a_timeout_is_an_outcome_and_ends_the_request(limit: float, shown: str) -> None:
    transport = Transport(delay=NEVER)
    outcome = await attempt(transport, REQUEST, limit)
    assert trio.current_time() == limit
    assert transport.cancelled == 1
    assert (outcome.status, outcome.error) == (None, f"no answer within {shown}")
    assert "-timeout" in outcome.advice


@pytest.mark.parametrize(("limit", "delay"), [(5.0, 4.999), (0.0, 0.0), (0.0, 100_000.0)])
@virtual
async def test_an_answer_within_the_timeout_counts(limit: float, delay: float) -> None:
    """A timeout of zero is no limit."""
    assert await attempt(Transport(200, delay=delay), REQUEST, limit) == Reply(status=200)
    assert trio.current_time() == delay


@pytest.mark.parametrize("status", [200, 400, 503])
@virtual
async def test_the_timeout_covers_the_status_only(status: int) -> None:
    """The body has a limit of its own."""
    body = Body(PATIENCE * 0.9, b"done")
    outcome = await attempt(Transport(status, body, delay=0.4), REQUEST, 0.5)
    assert outcome == Reply(status=status, error="" if status == 200 else "done")
    assert trio.current_time() == pytest.approx(0.4 + PATIENCE * 0.9)


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("limit", [0.0, TIMEOUT])
@pytest.mark.parametrize(
    "body", [(b"said", NEVER), (b"said", *(PATIENCE / 4, b"") * 100, NEVER)], ids=["silent", "dripping"]
)
@virtual
async def test_an_endless_body_does_not_change_the_status(status: int, limit: float, body: tuple[Step, ...]) -> None:
    """The client stops reading it."""
    transport = Transport(status, Body(*body), headers={"Retry-After": "9"})
    outcome = await attempt(transport, REQUEST, limit)
    assert outcome == (Reply(status=200) if status == 200 else Reply(status, "said", retry_after="9"))
    assert trio.current_time() == PATIENCE
    assert transport.body.closed == 1


@pytest.mark.parametrize("status", [200, 400, 503])
@virtual
async def test_a_body_without_a_length_is_not_waited_for(status: int) -> None:
    """It ends with the connection."""
    transport = Transport(status, Body(b"said", NEVER), ends=False)
    outcome = await attempt(transport, REQUEST, TIMEOUT)
    assert outcome == (Reply(status=200) if status == 200 else Reply(status, "said"))
    assert trio.current_time() == ENDLESS_PATIENCE
    assert transport.body.closed == 1


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("limit", [0.0, 60.0])
@virtual
async def test_an_answer_that_is_needed_has_all_the_time(limit: float, ends: bool) -> None:
    transport = Transport(200, Body(30.0, b"{}"), ends=ends)
    assert (await attempt(transport, REQUEST, limit, shown=CONTENT_LIMIT)).content == b"{}"


@pytest.mark.parametrize("limit", [0.0, 1000.0])
@virtual
async def test_an_answer_that_is_needed_is_broken_off_too(limit: float) -> None:
    """What has come of it is kept."""
    transport = Transport(200, Body(b"{", NEVER))
    client = Client(transport, timeout=limit, clocks=bind_clocks(wall))
    replies = []

    async def post() -> None:
        replies.append(await client.post(REQUEST, shown=CONTENT_LIMIT))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post)
        await trio.sleep(3.0)
        client.break_off(begun_before=3.0)
    assert trio.current_time() == 3.0
    assert replies == [Reply(status=200)]
    assert replies[0].content == b"{"
    assert transport.body.closed == 1


@virtual
async def test_a_request_that_began_later_is_not_broken_off() -> None:
    client = Client(Transport(delay=2.0), timeout=0.0, clocks=bind_clocks(wall))
    replies = []

    async def post(begins: float) -> None:
        await trio.sleep(begins)
        replies.append(await client.post(REQUEST))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post, 0.0)
        nursery.start_soon(post, 1.0)
        await trio.sleep(1.5)
        client.break_off(begun_before=1.0)
    assert [reply.status for reply in replies] == [None, 204]
    assert trio.current_time() == 3.0


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("size", [1000, CONTENT_LIMIT, 10 * CONTENT_LIMIT])
@virtual
async def test_a_long_body_does_not_change_the_status(status: int, size: int) -> None:
    """The client stops reading it at a limit."""
    transport = Transport(status, Body(*[b"." * size] * (20 * CONTENT_LIMIT // size)))
    outcome = await attempt(transport, REQUEST, TIMEOUT)
    assert outcome == Reply(status=status, error="" if status == 200 else "." * SHOWN)
    assert transport.body.given <= CONTENT_LIMIT + size
    assert transport.body.closed == 1


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("error", BROKEN, ids=repr)
@pytest.mark.parametrize("said", [b"", b"half a wo"])
@virtual
async def test_a_broken_body_does_not_change_the_status(status: int, error: Exception, said: bytes) -> None:
    transport = Transport(status, Body(said, error), phrase="Oh")
    outcome = await attempt(transport, REQUEST, TIMEOUT)
    assert outcome == Reply(status=status, error="" if status == 200 else said.decode() or "Oh")
    assert transport.body.closed == 1


@pytest.mark.parametrize("limit", [0.0, 3.0, TIMEOUT])
@virtual
async def test_a_cancellation_before_the_answer_is_no_outcome(limit: float) -> None:
    transport = Transport(delay=NEVER)
    outcome = None
    with trio.move_on_after(2.0) as scope:
        outcome = await attempt(transport, REQUEST, limit)
    assert scope.cancelled_caught
    assert outcome is None
    assert (transport.cancelled, trio.current_time()) == (1, 2.0)


@pytest.mark.parametrize("status", [200, 503])
@virtual
async def test_a_cancellation_in_the_body_closes_the_answer(status: int) -> None:
    """It gives no outcome."""
    transport = Transport(status, Body(b"said", NEVER))
    outcome = None
    with trio.move_on_after(PATIENCE / 2) as scope:
        outcome = await attempt(transport, REQUEST, TIMEOUT)
    assert scope.cancelled_caught
    assert outcome is None
    assert transport.body.closed == 1
    assert trio.current_time() == PATIENCE / 2
