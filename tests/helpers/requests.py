"""Makes requests of lines, and takes them apart."""

import base64
from typing import Any

import httpx

from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import Framer
from shuttle.core.ledger import Owed, Tally
from shuttle.drain.logplex import Logplex
from tests.helpers.clients import make_idle_client
from tests.helpers.frames import STAMP, make_config

ID = "0123456789abcdef" * 2
LATER = "2023-11-14T22:13:25.000000+00:00"
NOTHING = Owed()


def owe(dropped: int = 0, lost: int = 0) -> Owed:
    return Owed(Tally(dropped, STAMP if dropped else ""), Tally(lost, STAMP if lost else ""))


def make_batch(lines: list[bytes], framer: Framer) -> Batch:
    batcher = Batcher(framer, size=len(lines) + 1, max_bytes=10**8, wait=0.25, new_id=lambda: ID)
    batcher.add(lines, stamp=STAMP, now=0.0)
    return batcher.close()


def make_request(lines: list[bytes] | None = None, owed: Owed = NOTHING, **settings: Any) -> httpx.Request:
    """Return the request that carries `lines`, else `Hello World`."""
    config = make_config(**settings)
    framer = Framer(config.framing)
    batch = make_batch([b"Hello World"] if lines is None else lines, framer)
    return Logplex(config, framer, make_idle_client()).make_request(batch, owed, stamp=LATER)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode("ascii")
