"""Findings: the results of a check, one line each."""

from collections.abc import AsyncIterable, Callable, Iterable
from typing import Literal, NamedTuple

from shuttle.core.escape import escape
from shuttle.core.mask import Mask

State = Literal["ok", "warn", "fail", "skip"]
LONGEST = 1024  # characters of a text: most are shorter by far, and what a drain says is bounded already
_STATE_WIDTH, _TOPIC_WIDTH = 5, 11  # columns


class Finding(NamedTuple):
    """One line of a check."""

    state: State
    topic: str
    """What it is about, in one word of ours."""
    text: str
    """What there is to say of it. Strangers may have written some of it."""


class Report:
    """Writes findings as they come, without the credentials that `mask` knows.

    Attributes:
        failed: Whether one of them is that something does not work.
        mask: What is known of credentials.
    """

    def __init__(self, mask: Mask, write: Callable[[str], None]) -> None:
        self.failed = False
        self.mask = mask
        self._write = write

    def add(self, findings: Iterable[Finding]) -> None:
        """Write each of `findings` when it is found."""
        for finding in findings:
            self._add(finding)

    async def follow(self, findings: AsyncIterable[Finding]) -> None:
        """Do the same with findings that come asynchronously."""
        async for finding in findings:
            self._add(finding)

    def _add(self, finding: Finding) -> None:
        self.failed |= finding.state == "fail"
        text = escape(self.mask(finding.text))  # masked before it is shortened: a half is hard to find
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
        self._write(f"{finding.state:{_STATE_WIDTH}} {finding.topic:{_TOPIC_WIDTH}} {text}\n")


class Overheard:
    """A log whose warnings are findings about `topic`: the parts that are asked write to one."""

    def __init__(self, topic: str) -> None:
        self.findings: list[Finding] = []
        self._topic = topic

    def debug(self, event: str, /, **data: object) -> None:
        """Ignore an event that is not a warning."""

    info = debug

    def warning(self, _event: str, /, **data: object) -> None:
        """Keep a warning as a finding."""
        self.findings.append(Finding("warn", self._topic, ": ".join(map(str, data.values()))))

    error = warning
