"""The library as its users have it: inside a program of theirs, on either event loop, with a real drain."""

import asyncio
import base64
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
import structlog

import shuttle
from shuttle import Config, ConfigError, Shuttle
from shuttle.local_drain import LocalDrain
from tests.helpers.process import find_closed_port
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import Journal

if TYPE_CHECKING:
    from shuttle.core.ledger import Ledger

BACKENDS = ["asyncio", "trio"]
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/library.md"


def run(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    async def guarded() -> None:
        with anyio.fail_after(GUARD):
            await main()

    anyio.run(guarded, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_example_of_the_page_works_as_described(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text("utf-8")
    example = "\n".join(re.findall(r"^    (.*)", text.partition("It prints")[0], re.MULTILINE))
    said = re.search(r"It prints `([^`]+)`", text)
    with LocalDrain() as drain:
        example = example.replace("http://token:x@127.0.0.1:9080/", drain.url)
        example = example.replace("anyio.run(main)", f"anyio.run(main, backend={backend!r})")
        exec(compile(example, PAGE.name, "exec"), {})
    assert said
    assert capsys.readouterr().out == said[1] + "\n"
    assert drain.messages == [b"Hello from a library\n"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_line_written_in_two_parts_arrives_whole(backend: str) -> None:
    async def main() -> None:
        async with Shuttle(Config(logs_url=drain.url)) as agent:
            await agent.write(b"one\ntw")
            await agent.write(b"o\nthree")
        assert str(agent.ledger) == "read=3 delivered=3 dropped=0 lost=0 held=0"

    with LocalDrain() as drain:
        run(backend, main)
    assert drain.messages == [b"one\n", b"two\n", b"three\n"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_hosts_error_is_raised_unchanged(backend: str) -> None:
    error = LookupError("the host's own")

    async def main() -> None:
        async with Shuttle(Config(logs_url=drain.url)) as agent:
            await agent.write(b"one\n")
            raise error

    with LocalDrain() as drain, pytest.raises(LookupError) as caught:
        run(backend, main)
    assert caught.value is error
    assert drain.messages == [b"one\n"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_hosts_error_comes_out_of_a_cancelled_block(backend: str) -> None:
    async def main() -> None:
        with anyio.move_on_after(0.1):
            async with Shuttle(Config(logs_url=drain.url)):
                try:
                    await anyio.sleep_forever()
                finally:
                    raise LookupError("the host's own")

    with LocalDrain() as drain, pytest.raises(LookupError):
        run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_host_lands_for_a_second_at_most(backend: str) -> None:
    ledgers: list[Ledger] = []

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with Shuttle(Config(logs_url=url)) as agent:
                ledgers.append(agent.ledger)
                await agent.write(b"one\n")
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught

    with LocalDrain() as drain:
        url = drain.url
        run(backend, main)
    url = f"http://127.0.0.1:{find_closed_port()}/"
    run(backend, main)
    assert drain.messages == [b"one\n"]
    assert [str(ledger) for ledger in ledgers] == [
        "read=1 delivered=1 dropped=0 lost=0 held=0",
        "read=1 delivered=0 dropped=0 lost=1 held=0",
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_write_before_entering_says_what_to_do(backend: str) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"async with Shuttle\(config\)"):
            await Shuttle(Config(logs_url="http://drain.example/")).write(b"one\n")

    run(backend, main)


def test_a_write_of_text_says_what_is_accepted() -> None:
    async def main() -> None:
        async with Shuttle(Config(logs_url=drain.url)) as agent:
            with pytest.raises(TypeError, match=r"^write\(chunk\): must be bytes, not str"):
                await agent.write("one\n")  # type: ignore[arg-type]

    with LocalDrain() as drain:
        run("asyncio", main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_write_after_the_end_is_refused(backend: str) -> None:
    async def main() -> None:
        async with Shuttle(Config(logs_url=drain.url)) as agent:
            pass
        with pytest.raises(anyio.ClosedResourceError):
            await agent.write(b"too late\n")
        assert agent.ledger.read == 0

    with LocalDrain() as drain:
        run(backend, main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_shuttles_in_one_program_share_nothing(backend: str) -> None:
    async def main() -> None:
        async with (
            Shuttle(Config(logs_url=first.url, appname="first")) as one,
            Shuttle(Config(logs_url=second.url, appname="second")) as other,
        ):
            await one.write(b"to the first\n")
            await other.write(b"to the second\n")
        assert (one.ledger.delivered, other.ledger.delivered) == (1, 1)

    with LocalDrain() as first, LocalDrain() as second:
        run(backend, main)
    assert first.messages == [b"to the first\n"]
    assert second.messages == [b"to the second\n"]
    assert b" first shuttle " in first.frames[0]


def test_a_second_cancellation_still_settles_the_ledger() -> None:
    """`task.cancel()` of asyncio passes every shield."""

    async def main() -> None:
        agent = Shuttle(Config(logs_url=f"http://127.0.0.1:{find_closed_port()}/"))

        async def host() -> None:
            async with agent:
                await agent.write(b"one\n")
                await asyncio.sleep(GUARD)

        task = asyncio.create_task(host())
        for _ in range(3):
            await asyncio.sleep(0.1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert str(agent.ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


FORKS = """
import os, sys, anyio
from shuttle import Config, Shuttle
shuttle = Shuttle(Config(logs_url=sys.argv[1]))
async def main():
    async with shuttle:
        await shuttle.write(b"hello\\n")
for _ in range(2):
    if not os.fork():
        anyio.run(main)
        os._exit(0)
    os.wait()
"""


@pytest.mark.process
def test_a_forked_shuttle_has_ids_of_its_own() -> None:
    with LocalDrain() as drain:
        subprocess.run([sys.executable, "-c", FORKS, drain.url], check=True, timeout=60, cwd=ROOT)
    ids = [headers["Logplex-Frame-Id"] for headers in drain.requests]
    assert len(set(ids)) == len(ids) == 2


def test_the_hosts_signals_and_logging_are_unchanged(capfd: pytest.CaptureFixture[str]) -> None:
    """The host's streams are unchanged too."""

    async def main() -> None:
        async with Shuttle(Config(logs_url=drain.url, verbose=True)) as agent:
            await agent.write(b"one\n")

    def look() -> object:
        handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
        return handlers, logging.root.handlers[:], structlog.get_config()

    before = look()
    with LocalDrain() as drain:
        run("asyncio", main)
    assert look() == before
    assert capfd.readouterr() == ("", "")


def test_a_hosts_own_log_gets_no_credentials() -> None:
    """Not even if the drain quotes them: as they stand, in base64, or in an error of its transport."""

    def quote(request: httpx.Request) -> httpx.Response:
        if request.headers["X-Request-Id"] in seen:
            raise httpx.ConnectError(
                f"no way to http://t:zq9secret@drain.example for {request.headers['Authorization']}"
            )
        seen.add(request.headers["X-Request-Id"])
        return httpx.Response(500, text=f"zq9secret: {request.headers['Authorization']}")

    async def main() -> None:
        config = Config(logs_url="http://t:zq9secret@drain.example/", max_attempts=2, verbose=True)
        async with Shuttle(config, log=log, transport=httpx.MockTransport(quote)) as agent:
            await agent.write(b"one\n")

    seen: set[str] = set()
    log = Journal()
    run("asyncio", main)
    text = repr(log.events)
    assert "***" in text
    assert "no way to" in text
    assert "zq9secret" not in text
    assert base64.b64encode(b"t:zq9secret").decode() not in text


def test_a_wrong_setting_is_one_line_without_credentials() -> None:
    with pytest.raises(ConfigError, match=r"^-wait -1: must be 0 or more$"):
        Config(logs_url="http://token:s3cret@drain.example/", wait=-1)
    with pytest.raises(ConfigError) as caught:
        Config(logs_url="ftp://token:s3cret@drain.example/")
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value) + repr(Config(logs_url="http://token:s3cret@drain.example/"))


def test_the_package_exports_just_what_it_names() -> None:
    assert [getattr(shuttle, name).__name__ for name in shuttle.__all__] == shuttle.__all__
    with pytest.raises(AttributeError, match="Nothing"):
        _ = shuttle.Nothing
