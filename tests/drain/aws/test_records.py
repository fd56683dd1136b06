"""What becomes of a batch at a service that takes records, seen from services that answer by a script."""

import base64
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.config import Config
from shuttle.drain.http.failures import make_refusal
from shuttle.shuttle import Shuttle
from tests.helpers.amazon import KEY, KINESIS_URL, LOGS_URL, SECRET, Amazon, Answer, Call, fail, in_turn
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import Journal, make_lines, virtual, wall


def make_shuttle(
    amazon: Amazon,
    url: str = KINESIS_URL,
    log: Journal | None = None,
    clock: Callable[[], float] = wall,
    **options: Any,
) -> Shuttle:
    config = Config(logs_url=url, **options)
    return Shuttle(config, log=log or Journal(), transport=amazon, random=random.Random(1).random, wall=clock)


def read_numbers(amazon: Amazon) -> list[int]:
    """Return the numbers of the lines that were taken, reports left out."""
    messages = [record.rpartition(b" ")[2] for record in amazon.records if b" - - Error " not in record]
    return [int(message) for message in messages]


@virtual
async def test_requests_are_signed_and_show_no_secret() -> None:
    amazon, journal = Amazon(), Journal()
    async with make_shuttle(amazon, log=journal, verbose=True) as shuttle:
        await shuttle.write(b"one\n")
    [request] = amazon.requests
    assert request.url == "https://kinesis.us-east-1.amazonaws.com/"
    assert request.headers["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
    assert "/us-east-1/kinesis/aws4_request" in request.headers["Authorization"]
    assert request.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert int(request.headers["Content-Length"]) == len(await request.aread())
    assert SECRET not in str(request.headers)
    assert SECRET not in str(journal.events)


@virtual
async def test_failed_records_are_sent_again_first_and_alone() -> None:
    """A good answer may name records that failed."""

    def script(operation: str, call: Call) -> Answer | None:
        first = len(amazon.calls) == 1
        return amazon.take(operation, call, lambda place: place in (1, 3)) if first else None

    amazon = Amazon(script)
    async with make_shuttle(amazon, batch_size=5) as shuttle:
        await shuttle.write(make_lines(5))
    assert read_numbers(amazon) == [0, 2, 4, 1, 3]
    assert [len(call["Records"]) for _, call in amazon.calls] == [5, 2]
    assert str(shuttle.ledger) == "read=5 delivered=5 dropped=0 lost=0 held=0"


@virtual
async def test_a_throttled_stream_is_tried_at_growing_intervals() -> None:
    def script(operation: str, call: Call) -> Answer | None:
        return amazon.take(operation, call, lambda _: True) if trio.current_time() < 60 else None

    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, log=journal) as shuttle:
        await shuttle.write(make_lines(3))
        await trio.sleep(100)
    assert read_numbers(amazon) == [0, 1, 2]
    assert 10 < len(amazon.calls) < 60
    [told] = journal.named("drain.down")
    assert told["error"] == "ProvisionedThroughputExceededException: slow down"
    assert shuttle.ledger.delivered == 3


@pytest.mark.parametrize(
    "answer",
    [
        fail("ProvisionedThroughputExceededException"),
        fail("com.amazonaws.kinesis#ThrottlingException"),
        fail("ExpiredTokenException", "it is over"),
        fail("ResourceNotFoundException", "no stream"),
        fail("InternalFailure", status=500),
        (503, {}),
        fail("InvalidSignatureException", "Signature expired: look at the clock"),
        fail("KMSInvalidStateException"),
        (200, {"Records": "what?"}),
        (200, {"Records": [None, 1, "x"]}),
        (200, {}),
        (204, {}),
        (400, {}),
    ],
    ids=str,
)
@virtual
async def test_a_failure_that_is_not_the_lines_is_retried(answer: Answer) -> None:
    amazon = Amazon(in_turn(answer, answer))
    async with make_shuttle(amazon) as shuttle:
        await shuttle.write(make_lines(3))
    assert read_numbers(amazon) == [0, 1, 2]
    assert len(amazon.calls) == 3
    assert str(shuttle.ledger) == "read=3 delivered=3 dropped=0 lost=0 held=0"


@pytest.mark.parametrize("kind", ["AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException"])
@virtual
async def test_bad_credentials_at_first_lose_the_batch(kind: str) -> None:
    """The log says what to check."""
    amazon, journal = Amazon(lambda *_: fail(kind, "not you")), Journal()
    async with make_shuttle(amazon, log=journal) as shuttle:
        await shuttle.write(make_lines(3))
    assert shuttle.ledger.lost == 3
    told = journal.named("lines.lost")[0]
    assert (told["status"], told["error"]) == (400, f"{kind}: not you")
    assert "credentials" in str(journal.named("drain.down")[0]["advice"])


@virtual
async def test_one_bad_record_costs_one_line() -> None:
    def script(_: str, call: Call) -> Answer | None:
        bad = any(b" 0000037\n" in base64.b64decode(record["Data"]) for record in call["Records"])
        return fail("ValidationException") if bad else None

    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, log=journal, batch_size=100) as shuttle:
        await shuttle.write(make_lines(100))
    assert sorted(read_numbers(amazon)) == [number for number in range(100) if number != 37]
    assert str(shuttle.ledger) == "read=100 delivered=99 dropped=0 lost=1 held=0"
    assert journal.named("lines.lost")[0]["lines"] == 1
    assert len([1 for operation, _ in amazon.calls if operation == "PutRecords"]) < 30


@virtual
async def test_a_service_refusing_everything_gets_few_requests() -> None:
    """It gets fewer requests than there are records."""
    amazon = Amazon(lambda *_: fail("SerializationException"))
    async with make_shuttle(amazon, batch_size=500) as shuttle:
        await shuttle.write(make_lines(500))
    assert shuttle.ledger.lost == 500
    assert len(amazon.calls) < 200


@virtual
async def test_a_loss_is_reported_to_the_stream() -> None:
    amazon = Amazon(in_turn(fail("SerializationException")))
    async with make_shuttle(amazon, batch_size=1, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(2))
    assert [b"Error L13: 1 messages lost" in record for record in amazon.records] == [True, False]
    assert shuttle.ledger.lost == 1


@virtual
async def test_a_line_is_delivered_when_all_its_frames_are() -> None:
    def script(operation: str, call: Call) -> Answer | None:
        return amazon.take(operation, call, lambda place: place % 2 == 0) if len(amazon.calls) == 1 else refused

    refused = fail("AccessDeniedException")
    amazon = Amazon(script)
    async with make_shuttle(amazon, batch_size=3) as shuttle:
        await shuttle.write(b"a\n" + b"b" * 15_000 + b"\nc\n")  # four frames: the first and the third fail
    assert len(amazon.records) == 2
    assert str(shuttle.ledger) == "read=3 delivered=1 dropped=0 lost=2 held=0"


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), lines=st.integers(1, 60))
def test_each_line_is_delivered_or_lost_once(seed: int, lines: int) -> None:
    fate = random.Random(seed)

    def script(operation: str, call: Call) -> Answer | None:
        match fate.randrange(6):
            case 0:
                return fail("ThrottlingException")
            case 1:
                return fail("ValidationException")
            case 2:
                return 500, {}
            case _:
                return amazon.take(operation, call, lambda _: fate.random() < 0.3)

    amazon = Amazon(script)

    @virtual
    async def run() -> None:
        async with make_shuttle(amazon, batch_size=20, num_outlets=2, max_age=1e5) as shuttle:
            await shuttle.write(make_lines(lines))
            await trio.sleep(1e4)
        ledger = shuttle.ledger
        assert ledger.held == ledger.dropped == 0
        assert ledger.delivered + ledger.lost == lines
        assert len(read_numbers(amazon)) == len(set(read_numbers(amazon))) == ledger.delivered

    run()


@on_every_loop
async def test_missing_credentials_are_logged_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says where they are looked for."""
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_CONFIG_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    journal = Journal()
    async with make_shuttle(
        Amazon(), KINESIS_URL.replace(f"{KEY}:{SECRET}@", ""), log=journal, clock=time.time, max_attempts=2
    ) as shuttle:
        await shuttle.write(b"one\n")
    assert shuttle.ledger.lost == 1
    assert "no AWS credentials (none found): put them into -logs-url" in str(journal.named("drain.down")[0]["error"])


@virtual
async def test_a_missing_group_and_stream_are_created() -> None:
    there: set[str] = set()

    def script(operation: str, call: Call) -> Answer | None:
        needs = {"PutLogEvents": "CreateLogStream", "CreateLogStream": "CreateLogGroup"}.get(operation)
        if needs and needs not in there:
            return fail("ResourceNotFoundException")
        there.add(operation)
        return None

    amazon = Amazon(script)
    async with make_shuttle(amazon, LOGS_URL, aws_create=True) as shuttle:
        await shuttle.write(b"one\n")
    names = {"logGroupName": "app/web", "logStreamName": "web.1"}
    assert [operation for operation, _ in amazon.calls] == [
        *("PutLogEvents", "CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents"),
    ]
    assert [call for _, call in amazon.calls[1:4]] == [names, {"logGroupName": "app/web"}, names]
    assert shuttle.ledger.delivered == 1


@virtual
async def test_a_stream_created_by_another_is_used() -> None:
    amazon = Amazon(in_turn(fail("ResourceNotFoundException"), fail("ResourceAlreadyExistsException")))
    async with make_shuttle(amazon, LOGS_URL, aws_create=True) as shuttle:
        await shuttle.write(b"one\n")
    assert [operation for operation, _ in amazon.calls] == ["PutLogEvents", "CreateLogStream", "PutLogEvents"]
    assert shuttle.ledger.delivered == 1


@virtual
async def test_a_missing_stream_is_waited_for_without_aws_create() -> None:
    """The log names the flag."""
    amazon, journal = Amazon(in_turn(fail("ResourceNotFoundException", "no group"))), Journal()
    async with make_shuttle(amazon, LOGS_URL, log=journal) as shuttle:
        await shuttle.write(b"one\n")
    [told] = journal.named("drain.down")
    assert told["error"] == "ResourceNotFoundException: no group"
    assert "-aws-create" in str(told["advice"])
    assert {operation for operation, _ in amazon.calls} == {"PutLogEvents"}
    assert shuttle.ledger.delivered == 1


@virtual
async def test_a_stream_missing_after_creation_is_tried_slowly() -> None:
    amazon = Amazon(lambda operation, _: fail("ResourceNotFoundException") if operation == "PutLogEvents" else None)
    async with make_shuttle(amazon, LOGS_URL, aws_create=True, max_age=60.0) as shuttle:
        await shuttle.write(b"one\n")
        await trio.sleep(100)
    assert shuttle.ledger.lost == 1
    assert len(amazon.calls) < 200


@virtual
async def test_events_too_old_or_too_new_are_lost() -> None:
    """The answer names them by index."""

    def script(operation: str, call: Call) -> Answer | None:
        if operation != "PutLogEvents" or len(amazon.calls) > 1:
            return None
        return 200, {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}}

    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, LOGS_URL, log=journal, batch_size=5) as shuttle:
        await shuttle.write(make_lines(5))
    assert str(shuttle.ledger) == "read=5 delivered=2 dropped=0 lost=3 held=0"
    assert journal.named("lines.lost")[0]["error"] == "events too old, too new or expired"


@virtual
async def test_a_broken_connection_is_retried() -> None:
    class Breaking(Amazon):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if len(self.calls) == 1:
                self.records.clear()
                raise httpx.ReadError("gone")
            return response

    amazon = Breaking()
    async with make_shuttle(amazon) as shuttle:
        await shuttle.write(make_lines(2))
    assert read_numbers(amazon) == [0, 1]
    assert shuttle.ledger.delivered == 2


@on_every_loop
async def test_expired_credentials_are_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "credentials"

    def write(key: str) -> None:
        path.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key={SECRET}\n")

    def script(*_: object) -> Answer | None:
        if "Credential=OLD/" not in amazon.requests[-1].headers["Authorization"]:
            return None
        write("NEW")
        return fail("ExpiredTokenException", "the security token included in the request is expired")

    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    write("OLD")
    amazon = Amazon(script)
    async with make_shuttle(amazon, KINESIS_URL.replace(f"{KEY}:{SECRET}@", ""), clock=time.time) as shuttle:
        await shuttle.write(b"one\n")
    assert shuttle.ledger.delivered == 1
    assert len(amazon.calls) == 2
    assert "Credential=NEW/" in amazon.requests[-1].headers["Authorization"]


@virtual
async def test_a_nonsensical_cloudwatch_answer_is_retried() -> None:
    amazon = Amazon(in_turn((200, {"rejectedLogEventsInfo": ["x"]})))
    async with make_shuttle(amazon, LOGS_URL) as shuttle:
        await shuttle.write(b"one\n")
    assert shuttle.ledger.delivered == 1
    assert len(amazon.calls) == 2


class Broken(Amazon):
    """Its first answer is these bytes."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__()
        self._first = httpx.Response(status, content=content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.requests:
            self.requests.append(request)
            return self._first
        return await super().handle_async_request(request)


@pytest.mark.parametrize("tunnel", [False, True])
@virtual
async def test_a_proxy_that_wants_credentials_is_not_the_service(tunnel: bool) -> None:
    """What it says is not read as JSON, and the advice is about the proxy."""

    class Proxy(Amazon):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if tunnel:
                raise make_refusal("407 Who are you?")
            return httpx.Response(407, content=b"<html>Who are you?")

    journal = Journal()
    async with make_shuttle(Proxy(), log=journal) as shuttle:
        await shuttle.write(make_lines(3))
    [told] = journal.named("drain.down")
    assert told["status"] == 407
    assert str(told["error"]).endswith("Who are you?")
    assert str(told["advice"]).startswith("add the user and password to the proxy")
    assert shuttle.ledger.lost == 3


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("content", [b'{"__type": "Thrott', b"<html>", b"[" * 200_000, b"[1]", b"\xff"])
@virtual
async def test_a_broken_answer_is_retried(status: int, content: bytes) -> None:
    amazon = Broken(status, content)
    async with make_shuttle(amazon) as shuttle:
        await shuttle.write(make_lines(2))
    assert read_numbers(amazon) == [0, 1]
    assert shuttle.ledger.delivered == 2


HTML = b"<html>A firewall says no."


@virtual
async def test_a_request_too_large_for_a_proxy_is_divided() -> None:
    """The proxy says so in HTML."""

    class Narrow(Amazon):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if len(await request.aread()) > 1000:
                return httpx.Response(413, content=HTML)
            return await super().handle_async_request(request)

    amazon = Narrow()
    async with make_shuttle(amazon, batch_size=60) as shuttle:
        await shuttle.write(make_lines(60))
    assert read_numbers(amazon) == list(range(60))
    assert str(shuttle.ledger) == "read=60 delivered=60 dropped=0 lost=0 held=0"


class Walled(Amazon):
    """Behind a firewall that answers for it."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__()
        self._answer = status, content

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, content = self._answer
        return httpx.Response(status, content=content)


@pytest.mark.parametrize("content", [HTML, b"", b"[]", b'{"__ty', b"\xff"])
@pytest.mark.parametrize("status", [401, 403, 404])
@virtual
async def test_a_denial_without_a_name_is_one(status: int, content: bytes) -> None:
    """The status decides, and a first try ends at once."""
    amazon, journal = Walled(status, content), Journal()
    async with make_shuttle(amazon, log=journal, batch_size=3) as shuttle:
        await shuttle.write(make_lines(6))
    assert trio.current_time() < 1
    assert shuttle.ledger.lost == 6
    [told] = journal.named("drain.down")
    assert told["status"] == status
    assert told["error"] != "unreadable answer"
    assert "-aws-endpoint" in str(told["advice"])


@pytest.mark.parametrize("content", [HTML, b"{}"])
@pytest.mark.parametrize("status", [200, 204, 307, 400, 408, 429, 500, 502, 503])
@virtual
async def test_a_status_is_told_as_it_was_given(status: int, content: bytes) -> None:
    """Such an answer costs no line."""
    amazon, journal = Walled(status, content), Journal()
    async with make_shuttle(amazon, log=journal, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(3))
    assert 4 < trio.current_time() < 6
    [told] = journal.named("drain.down")
    assert told["status"] == status
    assert journal.named("lines.lost")[0]["error"] == "not delivered within -land-timeout (5s)"


@pytest.mark.parametrize("kind", ["ThrottlingException", "ResourceNotFoundException", "ExpiredTokenException"])
@virtual
async def test_the_status_of_a_named_error_is_told_as_it_was_given(kind: str) -> None:
    journal = Journal()
    async with make_shuttle(Amazon(in_turn(fail(kind))), log=journal) as shuttle:
        await shuttle.write(make_lines(3))
    assert shuttle.ledger.delivered == 3
    assert journal.named("drain.down")[0]["status"] == 400


@virtual
async def test_leading_bad_lines_cost_no_good_line() -> None:
    """CloudWatch Logs wants events in the order of time, so the bad lines come first."""

    def script(operation: str, call: Call) -> Answer | None:
        bad = operation == "PutLogEvents" and any(event["timestamp"] < 0 for event in call["logEvents"])
        return fail("InvalidParameterException") if bad else None

    good = [b"<13>1 2023-11-14T22:00:00Z h a p m - %d\n" % number for number in range(80)]
    zero = [b"<13>1 0001-01-01T00:00:00Z h a p m - bad %d\n" % number for number in range(20)]
    amazon, journal = Amazon(script), Journal()
    async with make_shuttle(amazon, LOGS_URL, log=journal, input_format="rfc5424", batch_size=100) as shuttle:
        await shuttle.write(b"".join(good + zero))
    assert str(shuttle.ledger) == "read=100 delivered=80 dropped=0 lost=20 held=0"
    assert sorted(message for _, message in amazon.events if "Error" not in message) == sorted(
        line.decode().removesuffix("\n") for line in good
    )
    assert "InvalidParameterException" in str(journal.named("lines.lost")[0]["error"])


@virtual
async def test_records_taken_count_when_a_batch_is_given_up() -> None:
    """They are delivered; only the rest of the batch is lost."""

    def script(operation: str, call: Call) -> Answer | None:
        failing = len(amazon.calls) > 1
        return amazon.take(operation, call, lambda place: failing or place > 2)

    amazon = Amazon(script)
    async with make_shuttle(amazon, batch_size=5, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(5))
    assert str(shuttle.ledger) == "read=5 delivered=3 dropped=0 lost=2 held=0"


@pytest.mark.parametrize("program", ["false", "echo no", "echo '{}'", "echo []"])
@on_every_loop
async def test_a_failing_credential_program_is_logged(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    path.write_text(f"[default]\ncredential_process = {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    journal = Journal()
    url = KINESIS_URL.replace(f"{KEY}:{SECRET}@", "")
    async with make_shuttle(Amazon(), url, log=journal, clock=time.time, max_attempts=2) as shuttle:
        await shuttle.write(b"one\n")
    assert shuttle.ledger.lost == 1
    assert "no AWS credentials" in str(journal.named("drain.down")[0]["error"])


@virtual
async def test_a_stream_that_may_not_be_created_is_waited_for() -> None:
    amazon = Amazon(in_turn(fail("ResourceNotFoundException"), fail("AccessDeniedException", "you may not create")))
    async with make_shuttle(amazon, LOGS_URL, aws_create=True) as shuttle:
        await shuttle.write(b"one\n")
        await trio.sleep(10)
    assert shuttle.ledger.delivered == 1
    assert [operation for operation, _ in amazon.calls] == ["PutLogEvents", "CreateLogStream", "PutLogEvents"]


@virtual
async def test_a_stream_both_missing_and_there_is_tried_slowly() -> None:
    """The service denies that the stream exists and refuses to create it because it exists."""
    answers = {"CreateLogGroup": "ResourceAlreadyExistsException"}
    amazon = Amazon(lambda operation, _: fail(answers.get(operation, "ResourceNotFoundException")))
    async with make_shuttle(amazon, LOGS_URL, aws_create=True, max_age=5.0) as shuttle:
        await shuttle.write(b"one\n")
        await trio.sleep(20)
    assert shuttle.ledger.lost == 1
    assert len(amazon.calls) < 500


@virtual
async def test_a_key_that_no_header_can_hold_is_no_credential() -> None:
    journal = Journal()
    url = LOGS_URL.replace(KEY, "caf%C3%A9")
    async with make_shuttle(Amazon(), url, log=journal, max_attempts=1) as shuttle:
        await shuttle.write(b"one\n")
    assert shuttle.ledger.lost == 1
    assert "no AWS credentials" in str(journal.named("drain.down")[0]["error"])


@virtual
async def test_a_stream_taking_part_of_each_request_gets_time() -> None:
    amazon = Amazon(lambda operation, call: amazon.take(operation, call, lambda place: place > 0))
    async with make_shuttle(amazon, batch_size=20) as shuttle:
        await shuttle.write(make_lines(20))
    assert shuttle.ledger.delivered == 20
    assert read_numbers(amazon) == list(range(20))
    assert trio.current_time() > 10


@virtual
async def test_a_request_too_large_for_the_link_is_halved() -> None:
    class Slow(Amazon):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await trio.sleep(len(await request.aread()) / 1000)
            return await super().handle_async_request(request)

    amazon = Slow()
    async with make_shuttle(amazon, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(60))
    assert read_numbers(amazon) == list(range(60))
    assert str(shuttle.ledger) == "read=60 delivered=60 dropped=0 lost=0 held=0"
