"""What libraries log, warnings and a crash are lines as any other: masked, escaped and never waited for."""

import gc
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from shuttle.core.mask import Mask
from shuttle.observe.capture import capture
from tests.helpers.virtual import Journal


class Captured(Journal):
    """A logger that keeps its events, and the lines that are written beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.handler = logging.Handler()

    def write(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def captured() -> Iterator[Captured]:
    root = logging.getLogger()
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    handlers = list(root.handlers)
    captured = Captured()
    capture(captured, mask=Mask(["zq9secret", "zq9line\nzq9oth"]), writer=captured)
    (captured.handler,) = set(root.handlers) - set(handlers)
    try:
        yield captured
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def test_what_a_library_warns_of_is_an_event(captured: Captured) -> None:
    logger = logging.getLogger("botocore.credentials")
    logger.info("not told")
    logger.warning("no answer from %s\n", "169.254.169.254")
    event = {"name": "botocore.credentials", "message": "no answer from 169.254.169.254"}
    assert captured.named("library") == [event]


def test_a_message_with_wrong_arguments_is_told_without_them(captured: Captured) -> None:
    captured.handler.handle(logging.LogRecord("asyncio", logging.ERROR, "", 0, "wrong %d", ("x",), None))
    assert captured.named("library") == [{"name": "asyncio", "message": "wrong %d"}]


class Unprintable:
    def __str__(self) -> str:
        raise LookupError("zq9secret")


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [("wrong %(key)s", ({"other": 1},), "wrong %(key)s"), (Unprintable(), (), "Unprintable")],
)
def test_a_message_that_cannot_be_shown_raises_nothing(
    captured: Captured, message: str | Unprintable, arguments: tuple[object, ...], told: str
) -> None:
    captured.handler.handle(logging.LogRecord("asyncio", logging.WARNING, "", 0, message, arguments, None))
    assert captured.named("library") == [{"name": "asyncio", "message": told}]


def test_an_exception_that_is_logged_is_told_without_its_traceback(captured: Captured) -> None:
    try:
        raise LookupError("no such key")  # noqa: TRY301
    except LookupError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    (event,) = captured.named("library")
    assert event == {
        "name": "asyncio",
        "message": "Task exception was never retrieved",
        "error": "LookupError('no such key')",
    }


def test_a_warning_is_an_event(captured: Captured) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("coroutine was never awaited", RuntimeWarning, stacklevel=1)
    (event,) = captured.named("library")
    assert event["name"] == "py.warnings"
    assert "RuntimeWarning: coroutine was never awaited" in str(event["message"])


def test_a_crash_is_shown_line_by_line_without_credentials(captured: Captured) -> None:
    try:
        raise LookupError("no such token: zq9secret\x1b[31m")  # noqa: TRY301
    except LookupError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert captured.lines[0] == "Traceback (most recent call last):"
    assert captured.lines[-1] == r"LookupError: no such token: ***\x1b[31m"
    assert "zq9secret" not in captured.lines[-1]


def crash_in_a_group() -> None:
    try:
        raise ExceptionGroup("zq9line\nzq9oth", [LookupError("no zq9line\nzq9oth")])  # noqa: TRY301
    except ExceptionGroup as error:
        sys.excepthook(type(error), error, error.__traceback__)


def crash_in_a_thread() -> None:
    def run() -> None:
        raise LookupError("no such token: zq9line\nzq9oth")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def crash_where_nobody_catches() -> None:
    class Collected:
        def __del__(self) -> None:
            raise LookupError("no such token: zq9line\nzq9oth")

    Collected()
    gc.collect()


@pytest.mark.parametrize("crash", [crash_in_a_group, crash_in_a_thread, crash_where_nobody_catches])
def test_a_credential_of_two_lines_is_shown_in_no_crash(
    captured: Captured, crash: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    crash()
    shown = [line for line in captured.lines if "raise" not in line]  # which quotes this file
    assert [line for line in shown if "zq9" in line] == []
    assert [line for line in shown if "LookupError: no" in line and "***" in line]
    assert capfd.readouterr().err == ""


def test_the_end_of_a_thread_is_no_crash(captured: Captured) -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert captured.lines == []
