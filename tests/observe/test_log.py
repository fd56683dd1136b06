import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shuttle.core.escape import escape
from shuttle.core.mask import Mask
from shuttle.observe.colours import paint, wants_colours
from shuttle.observe.line_writer import LineWriter
from shuttle.observe.log import SILENT, VALUE_LIMIT, Logger, make_logger
from shuttle.observe.masked_log import MaskedLog
from tests.helpers.terminal import Terminal

PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')

Logged = Callable[..., str]
NOTHING = Mask([])


def parse(line: str) -> dict[str, str]:
    """Read a logfmt line strictly: nothing may stand between or behind its pairs."""
    pairs: dict[str, str] = {}
    place = 0
    while place < len(line):
        match = PAIR.match(line, place)
        assert match, f"not logfmt from {line[place:]!r}"
        key, value = match.groups()
        assert key not in pairs
        pairs[key] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        place = match.end()
    return pairs


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Log one event and return what reached the descriptor."""
    reader, writer = os.pipe()

    def log(event: str, *, level: str = "info", verbose: bool = False, mask: Mask = NOTHING, **data: object) -> str:
        logger = MaskedLog(make_logger(verbose=verbose, writer=LineWriter(writer)), mask)
        getattr(logger, level)(event, **data)
        os.write(writer, b"\0")  # an end even when nothing was logged
        return os.read(reader, 1 << 16).decode().removesuffix("\0")

    yield log
    os.close(reader)
    os.close(writer)


def test_a_line_begins_with_time_app_level_and_event_and_its_data_keep_their_order(logged: Logged) -> None:
    line = logged("post", retry=False, msgcount=500, **{"inbox.length": 3}, error=None, delay=0.5)
    assert re.fullmatch(
        r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z app=log-shuttle level=info at=post "
        r"retry=false msgcount=500 inbox\.length=3 error= delay=0\.5\n",
        line,
    )


@pytest.mark.parametrize(
    ("level", "verbose", "shown"),
    [
        ("debug", False, False),
        ("debug", True, True),
        ("info", False, True),
        ("warning", False, True),
        ("error", False, True),
        ("error", True, True),
    ],
)
def test_debug_lines_need_verbose(logged: Logged, level: str, *, verbose: bool, shown: bool) -> None:
    line = logged("x", level=level, verbose=verbose)
    assert bool(line) == shown
    assert not shown or parse(line.rstrip("\n"))["level"] == level


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "error="),
        ("", "error="),
        (True, "error=true"),
        (503, "error=503"),
        (0.123456, "error=0.123"),
        (2.0, "error=2.0"),
        ("plain", "error=plain"),
        ("two words", 'error="two words"'),
        ('say "no"', r'error="say \"no\""'),
        ("a=b", 'error="a=b"'),
        ("Grüße", "error=Grüße"),
        ("red\x1b[31m", r"error=red\x1b[31m"),
        ("one\r\ntwo", r"error=one\r\ntwo"),
        ("a\nforged level=info", r'error="a\\nforged level=info"'),
        ("nul\0", r"error=nul\x00"),
        ("next\x85line\u2028", r"error=next\x85line\u2028"),
        ("right\u202eleft", r"error=right\u202eleft"),
        ("byte\udcff", r"error=byte\udcff"),
        (ConnectionError("refused"), "error=refused"),
        (TimeoutError(), "error=TimeoutError"),
    ],
)
def test_a_value_is_shown_safely_on_one_line(logged: Logged, value: object, text: str) -> None:
    assert logged("post", error=value).rstrip("\n").split(" at=post ")[1] == text


@given(st.text())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # the pipe is empty again
def test_any_text_is_read_back_as_its_printable_form(logged: Logged, text: str) -> None:
    line = logged("post", body=text, status=400)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    pairs = parse(line[:-1])
    assert list(pairs) == ["ts", "app", "level", "at", "body", "status"]
    assert pairs["body"] == escape(text)[:VALUE_LIMIT] + ("..." if len(escape(text)) > VALUE_LIMIT else "")


def test_a_long_value_is_cut_and_the_keys_behind_it_are_not(logged: Logged) -> None:
    pairs = parse(logged("post", body="<p>" * 1_000_000, status=502).rstrip("\n"))
    assert pairs["body"] == ("<p>" * VALUE_LIMIT)[:VALUE_LIMIT] + "..."
    assert pairs["status"] == "502"


def test_no_traceback_is_printed_even_when_asked_for(logged: Logged) -> None:
    try:
        os.close(-1)
    except OSError as error:
        line = logged("post", error=error, exc_info=True)
    assert line.count("\n") == 1
    assert "Traceback" not in line


def test_the_host_s_logging_is_neither_used_nor_changed(logged: Logged) -> None:
    """The host's processors would raise, and its handlers stay as they were."""
    handlers = list(logging.getLogger().handlers)
    assert "at=library" in logged("library")
    assert not structlog.is_configured()
    structlog.configure(processors=[], wrapper_class=structlog.stdlib.BoundLogger)
    try:
        assert "at=library" in logged("library")
    finally:
        structlog.reset_defaults()
    assert logging.getLogger().handlers == handlers


def test_the_silent_logger_takes_every_level() -> None:
    logger: Logger = SILENT
    assert [
        method("x", count=1, event="y") for method in (logger.debug, logger.info, logger.warning, logger.error)
    ] == [None] * 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no such token: zq9secret", 'error="no such token: ***"'),
        (ConnectionError("http://u:hunter2@h"), "error=http://u:***@h"),
        (Path("/var/zq9secret/log"), "error=/var/***/log"),
        (b"zq9secret", """error=b'***'"""),
        ("zq9\x1b[0msecret zq9secret", r'error="zq9\\x1b[0msecret ***"'),
        ("x" * (VALUE_LIMIT - 5) + "zq9secret", "error=" + "x" * (VALUE_LIMIT - 5) + "***"),
        ("x" * (4 * VALUE_LIMIT - 5) + "zq9secret", "error=" + "x" * VALUE_LIMIT + "..."),
        ("zq9secret" * 10_000, "error=***z..."),
        (3, "error=3"),
    ],
)
def test_no_value_shows_a_credential(logged: Logged, value: object, text: str) -> None:
    line = logged("post", mask=Mask(["zq9secret", "hunter2"]), error=value)
    assert line.rstrip("\n").split(" at=post ")[1] == text


def test_a_credential_of_digits_leaves_the_time_alone(logged: Logged) -> None:
    digits = [f"{number:04}" for number in range(10_000)]
    assert re.match(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ", logged("post", mask=Mask(digits)))


def log_json(tmp_path: Path, *, event: str = "x", level: str = "info", **data: object) -> str:
    """Return the one line that comes of an event."""
    file = os.open(tmp_path / "log", os.O_CREAT | os.O_RDWR)
    try:
        logger = MaskedLog(make_logger(verbose=True, writer=LineWriter(file), form="json"), Mask(["zq9secret"]))
        getattr(logger, level)(event, **data)
        return os.pread(file, 1 << 16, 0).decode().removesuffix("\n")
    finally:
        os.close(file)


def test_a_line_of_json_has_the_same_keys_and_keeps_its_types(tmp_path: Path) -> None:
    line = log_json(tmp_path, level="warning", event="drain.down", status=503, error="zq9secret", last=None, up=False)
    event = json.loads(line)
    assert list(event) == ["ts", "app", "level", "at", "status", "error", "last", "up"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("ts"))
    assert event == {
        "app": "log-shuttle",
        "level": "warning",
        "at": "drain.down",
        "status": 503,
        "error": "***",
        "last": None,
        "up": False,
    }


@pytest.mark.parametrize("text", ['"', "\\", "\x1b[31m", "\n", "ä" * 2000, "€" * 5000, "\ud800", "\u202e", "'"])
def test_a_line_of_json_is_whole_whatever_is_in_it(tmp_path: Path, text: str) -> None:
    """However long: half an object would be none."""
    event = json.loads(log_json(tmp_path, **{f"key{number}": text for number in range(12)}))
    assert len(event) == 4 + 12
    assert escape(text)[:10] == event["key0"][:10]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_level_has_its_colour_and_nothing_else_has_one(level: str) -> None:
    line = f'ts=1 app=log-shuttle level={level} at=x error=" level={level} "'
    painted = paint(level, line)
    assert re.sub(r"\x1b\[\d+m", "", painted) == line
    assert re.search(rf" level=\x1b\[\d+m{level}\x1b\[0m at=x error=", painted)
    assert painted.count("\x1b") == 2


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_colours_are_for_terminals_and_whoever_wants_them(environ: dict[str, str], *, wanted: bool) -> None:
    reader, pipe = os.pipe()
    with Terminal() as terminal:
        assert wants_colours(terminal.fd, environ) is wanted
        assert not wants_colours(pipe, environ)
    os.close(reader)
    os.close(pipe)
