"""The trial: one line, sent once, as the lines of an application are."""

import secrets
import socket
import time
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path

from shuttle.assembly import make_client, make_drain
from shuttle.clock import bind_clocks
from shuttle.command.check.route import Found
from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.core.frame import Framer, make_stamp
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.input.files.labels import fill_header
from shuttle.observe.log import SILENT

_ANY = Path("check")  # in the place of the file that a line came from


def make_line() -> bytes:
    """Return the line that is sent."""
    return f"log-shuttle -check from {socket.gethostname()}".encode()


async def send_line(config: Config) -> Found:
    """Send a line to the drain in one request, and return what came of it."""
    clocks = bind_clocks(time.time)
    # The line has no header, whatever the application's have.
    framer = Framer(fill_header(config.framing, _ANY)._replace(input_format="raw"))
    stamp = make_stamp(clocks.wall())
    run = framer.frame([make_line()], stamp)
    batch = Batch(secrets.token_hex(16), run.body, 1, run.frames, run.long, clocks.monotonic())
    async with AsyncExitStack() as opened:
        client = make_client(config, None, SILENT, clocks, opened)
        shipment = make_drain(config, framer, client, clocks, lambda: None).load(batch, Owed(), stamp=stamp)
        outcome = await shipment.attempt()
        return _judge(outcome, taken=bool(shipment.taken))


def _judge(outcome: Outcome, *, taken: bool) -> Found:
    answer = _name_status(outcome.status) if outcome.status is not None else ""
    if outcome.verdict is Verdict.DELIVERED and taken:
        return Found("ok", answer)
    if outcome.verdict is Verdict.MORE:
        return Found("warn", f"{outcome.error}; -aws-create makes it with the first batch")
    said = ": ".join(filter(None, (answer, outcome.error)))
    separator = "; " if answer and outcome.error else ": "
    return Found("fail", separator.join(filter(None, (said, outcome.advice))))


def _name_status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # none that is registered
        return str(status)
