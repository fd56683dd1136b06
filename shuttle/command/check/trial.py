"""The trial: sends one line, once, as an application's lines are sent."""

import secrets
import socket
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from shuttle.assembly import make_client, make_drain
from shuttle.clock import bind_clocks
from shuttle.command.check.route import Found, join_advice
from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.core.frame import Framer, make_stamp
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.input.files.labels import fill_header
from shuttle.observe.log import SILENT

_MISSING = "ResourceNotFoundException"  # CloudWatch Logs has no such group or stream
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
        drain = make_drain(replace(config, aws_create=False), framer, client, clocks, lambda: None)  # it makes nothing
        shipment = drain.load(batch, Owed(), stamp=stamp)
        outcome = await shipment.attempt()
        if config.aws_create and outcome.error.startswith(_MISSING):
            return Found("warn", f"{outcome.error}; -aws-create creates it with the first batch")
        return _judge(outcome, taken=bool(shipment.taken), translated=config.endpoint.aws is not None)


def _judge(outcome: Outcome, *, taken: bool, translated: bool) -> Found:
    """Return what an outcome means. The status of a failure may be `translated`: AWS's errors say more."""
    answer = _name_status(outcome.status) if outcome.status is not None else ""
    if outcome.verdict is Verdict.DELIVERED and taken:
        return Found("ok", answer)
    if translated and outcome.error:
        answer = ""
    error = "" if outcome.error in answer else outcome.error  # a drain that says nothing is quoted with the phrase
    return Found("fail", join_advice(": ".join(filter(None, (answer, error))), outcome.advice))


def _name_status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # none that is registered
        return str(status)
