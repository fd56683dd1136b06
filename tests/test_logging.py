"""The handler of Python's logging, in this process and in ones that fork."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shuttle.errors import ConfigError
from shuttle.local_drain import Behaviour, LocalDrain
from shuttle.logging import ShuttleHandler
from tests.helpers.process import LONGEST, clean_environ, find_closed_port


@contextmanager
def logger_to(handler: logging.Handler, name: str = "app") -> Iterator[logging.Logger]:
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def read_privals(drain: LocalDrain) -> list[int]:
    return [int(frame[1:].partition(b">")[0]) for frame in drain.frames]


def test_records_arrive_in_order_with_their_severity() -> None:
    with LocalDrain() as drain:
        with logger_to(ShuttleHandler(logs_url=drain.url, appname="shop")) as logger:
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL, logging.INFO):
                logger.log(level, "at %d", level)
        assert drain.messages == [b"at %d\n" % level for level in (10, 20, 30, 40, 50, 20)]
        assert read_privals(drain) == [191, 190, 188, 187, 186, 190]
        assert b" shop " in drain.frames[0]


def test_the_facility_is_that_of_prival() -> None:
    with LocalDrain() as drain:
        with logger_to(ShuttleHandler(logs_url=drain.url, prival="13")) as logger:
            logger.error("user")
        assert read_privals(drain) == [11]


def test_exceptions_and_formats_are_as_with_any_handler() -> None:
    with LocalDrain() as drain:
        handler = ShuttleHandler(logs_url=drain.url)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        with logger_to(handler) as logger:
            try:
                int("bad")
            except ValueError:
                logger.exception("it failed")
        assert drain.messages[0] == b"ERROR app it failed\n"
        assert drain.messages[1] == b"Traceback (most recent call last):\n"
        assert drain.messages[-1] == b"ValueError: invalid literal for int() with base 10: 'bad'\n"
        assert handler.ledger.delivered == handler.ledger.read == len(drain.messages)


def test_a_record_that_cannot_be_formatted_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalDrain() as drain:
        handler = ShuttleHandler(logs_url=drain.url)
        for text, arguments in (("%d", ("no number",)), ("\udce9 \N{SNOWMAN}", ())):
            handler.handle(logging.LogRecord("app", logging.INFO, "", 0, text, arguments, None))
        handler.close()
        assert drain.messages == [b"\\udce9 \xe2\x98\x83\n"]
    assert "no number" in capsys.readouterr().err


def test_the_environment_has_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalDrain() as drain:
        monkeypatch.setenv("LOGS_URL", drain.url)
        with logger_to(ShuttleHandler()) as logger:
            logger.info("line")
        assert drain.messages == [b"line\n"]


@pytest.mark.parametrize("settings", [{}, {"logs_url": "ftp://x/"}, {"logs_url": "http://x/", "file": ("a",)}])
def test_a_wrong_setting_is_an_error_at_once(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGS_URL", raising=False)
    with pytest.raises(ConfigError):
        ShuttleHandler(**settings)


def test_its_own_records_are_not_delivered(caplog: pytest.LogCaptureFixture) -> None:
    """On the root logger they would come back to it, each for each."""
    with LocalDrain(Behaviour(status=400)) as drain:
        handler = ShuttleHandler(logs_url=drain.url)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            logging.getLogger("another").warning("refused")
        finally:
            root.removeHandler(handler)
            handler.close()
    assert handler.ledger.read == handler.ledger.lost == 1
    [told] = [record for record in caplog.records if record.name == "log_shuttle" and "lines.lost" in record.message]
    assert told.levelno == logging.WARNING


def test_a_drain_that_is_down_blocks_nobody_for_long() -> None:
    """What there is no room for is dropped, and counted."""
    url = f"http://127.0.0.1:{find_closed_port()}/"
    handler = ShuttleHandler(logs_url=url, back_bytes=64 * 1024, patience=0.01, land_timeout=0.2)
    with logger_to(handler) as logger:

        def log_much() -> None:
            for _ in range(2500):
                logger.info("x" * 1000)

        threads = [threading.Thread(target=log_much) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST)
            assert not thread.is_alive()
    ledger = handler.ledger
    assert ledger.read == 10_000
    assert ledger.dropped > 5000
    assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held


def test_without_dropping_it_waits_for_the_drain() -> None:
    with LocalDrain(Behaviour(delay=0.01)) as drain:
        handler = ShuttleHandler(logs_url=drain.url, drop=False, back_bytes=64 * 1024, batch_bytes=64 * 1024)
        with logger_to(handler) as logger:
            for number in range(5000):
                logger.info("%d %s", number, "x" * 1000)
        assert drain.counts.messages == 5000
    assert (handler.ledger.delivered, handler.ledger.dropped) == (5000, 0)


def test_closing_loses_no_count_while_a_thread_logs() -> None:
    """It waits for room in a queue that nobody empties."""
    url = f"http://127.0.0.1:{find_closed_port()}/"
    handler = ShuttleHandler(logs_url=url, drop=False, back_bytes=64 * 1024, land_timeout=0.5)
    with logger_to(handler) as logger:

        def log_much() -> None:
            for _ in range(5000):
                logger.info("x" * 500)

        thread = threading.Thread(target=log_much)
        thread.start()
        while not handler.ledger.held:
            thread.join(0.01)
        handler.close()
        thread.join(LONGEST)
        assert not thread.is_alive()
    ledger = handler.ledger
    assert (ledger.read, ledger.held) == (5000, 0)
    assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost


def test_a_worker_that_cannot_start_is_told_and_counted(caplog: pytest.LogCaptureFixture, tmp_path: Any) -> None:
    handler = ShuttleHandler(logs_url="https://drain.example/", ca_file=tmp_path / "missing.pem")
    with logger_to(handler) as logger:
        logger.info("one")
        handler.close()
        logger.info("two")
    assert (handler.ledger.read, handler.ledger.dropped) == (2, 2)
    assert [record.levelno for record in caplog.records if "handler.failed" in record.message] == [logging.ERROR]


def run_program(program: str, url: str) -> str:
    """Run `program` in a process of its own, and return what it says on stderr."""
    before = "import logging, os, sys, time\nfrom shuttle.logging import ShuttleHandler\n"
    before += "handler = ShuttleHandler(logs_url=sys.argv[1])\nlog = logging.getLogger()\nlog.setLevel('INFO')\n"
    before += "log.addHandler(handler)\n"
    command = [sys.executable, "-c", before + program, url]
    ended = subprocess.run(command, env=clean_environ(), capture_output=True, text=True, timeout=LONGEST, check=True)
    return ended.stderr


@pytest.mark.process
def test_it_lands_at_exit() -> None:
    with LocalDrain() as drain:
        assert run_program("for n in range(10000): log.info('%d', n)", drain.url) == ""
        assert sorted(map(int, drain.messages)) == [*range(10_000)]


@pytest.mark.process
def test_a_thread_that_waits_for_room_does_not_hold_up_the_exit() -> None:
    program = """
import threading
log.removeHandler(handler)
log.addHandler(ShuttleHandler(logs_url=sys.argv[1], drop=False, back_bytes=65536, land_timeout=0.5))
def log_on():
    while True: log.info('x' * 500)
threading.Thread(target=log_on, daemon=True).start()
time.sleep(0.2)
"""
    assert "lines.lost" in run_program(program, f"http://127.0.0.1:{find_closed_port()}/")


@pytest.mark.process
def test_each_process_delivers_its_own_after_a_fork() -> None:
    program = """
for n in range(1000): log.info('parent %d', n)
children = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        for n in range(1000): log.info('child %d %d', child, n)
        sys.exit()
    children.append(pid)
for n in range(1000): log.info('parent after %d', n)
for pid in children: os.waitpid(pid, 0)
"""
    expected = {f"parent {n}" for n in range(1000)} | {f"parent after {n}" for n in range(1000)}
    expected |= {f"child {child} {n}" for child in range(4) for n in range(1000)}
    with LocalDrain() as drain:
        assert run_program(program, drain.url) == ""
        assert len(drain.messages) == 6000
        assert {message.decode().strip() for message in drain.messages} == expected


@pytest.mark.process
def test_processes_of_multiprocessing_land_too() -> None:
    """They end without Python's own exit."""
    program = """
import multiprocessing
def work(child):
    for n in range(1000): log.info('child %d %d', child, n)
context = multiprocessing.get_context('fork')
processes = [context.Process(target=work, args=(child,)) for child in range(3)]
for process in processes: process.start()
for process in processes: process.join()
"""
    with LocalDrain() as drain:
        assert run_program(program, drain.url) == ""
        assert len(set(drain.messages)) == 3000
