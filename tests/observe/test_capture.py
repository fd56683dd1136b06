"""What libraries log, warnings and a crash are lines as any other: masked, escaped and never waited for."""

import logging
import sys
import warnings
from collections.abc import Iterator

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
    root, hook = logging.getLogger(), sys.excepthook
    handlers = list(root.handlers)
    captured = Captured()
    capture(captured, mask=Mask(["zq9secret"]), writer=captured)
    (captured.handler,) = set(root.handlers) - set(handlers)
    try:
        yield captured
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        sys.excepthook = hook


def test_what_a_library_warns_of_is_an_event(captured: Captured) -> None:
    logger = logging.getLogger("botocore.credentials")
    logger.info("not told")
    logger.warning("no answer from %s\n", "169.254.169.254")
    event = {"name": "botocore.credentials", "message": "no answer from 169.254.169.254"}
    assert captured.named("library") == [event]


def test_a_message_with_wrong_arguments_is_told_without_them(captured: Captured) -> None:
    captured.handler.handle(logging.LogRecord("asyncio", logging.ERROR, "", 0, "wrong %d", ("x",), None))
    assert captured.named("library") == [{"name": "asyncio", "message": "wrong %d"}]


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
