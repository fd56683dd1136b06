"""Builds the parts of a shuttle and connects them. No other module knows all of them.

If a part cannot be made, everything that was opened before is closed again: a failed start leaves nothing behind.
"""

import importlib.util
import secrets
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import httpx

from shuttle.clock import Clocks
from shuttle.config import Config
from shuttle.core.batch import Batch, Batcher
from shuttle.core.endpoint import Endpoint
from shuttle.core.frame import Framer
from shuttle.core.ledger import Ledger
from shuttle.core.lines import NewlineSplitter, Splitter
from shuttle.delivery.accounts import Accounts
from shuttle.delivery.backpressure import Backpressure
from shuttle.delivery.gate import Gate
from shuttle.delivery.intake import Intake
from shuttle.delivery.losses import Losses
from shuttle.delivery.memory_queue import MemoryQueue
from shuttle.delivery.outage import OutageLog
from shuttle.delivery.outlet import Outlet
from shuttle.delivery.outlets import Outlets
from shuttle.delivery.queue import Queue
from shuttle.delivery.source import Source
from shuttle.delivery.steps import Limits
from shuttle.drain.http.client import Client
from shuttle.drain.http.transport import make_transport
from shuttle.drain.logplex import Logplex
from shuttle.drain.renewal import Renewal
from shuttle.errors import ConfigError
from shuttle.landing import Crew, Landing
from shuttle.observe.log import Logger
from shuttle.observe.statistics import Statistics
from shuttle.system import is_single_file

if TYPE_CHECKING:
    from shuttle.delivery.journal import Journal
    from shuttle.delivery.shipment import Drain
    from shuttle.delivery.spool import Spool
    from shuttle.input.files.file_input import FileInput

Random = Callable[[], float]
"""Gives numbers from 0 to 1 without 1."""


class Parts(NamedTuple):
    """The parts of a running shuttle."""

    clocks: Clocks
    gate: Gate
    landing: Landing
    crew: Crew
    queue: Queue
    statistics: Statistics
    files: "FileInput | None"
    spool: "Spool | None"
    make_source: Callable[[str], Source]
    """Returns the source of a stream of bytes that nobody can read again, with a priority of its own if it is given."""
    opened: AsyncExitStack
    """Closes everything that was opened."""


async def assemble(
    config: Config,
    *,
    ledger: Ledger,
    log: Logger,
    clocks: Clocks,
    random: Random,
    transport: httpx.AsyncBaseTransport | None,
    learn: Callable[[Iterable[str]], None],
) -> Parts:
    """Return the parts, connected. None of them runs yet. `learn` is given credentials that the log must not show.

    Raises:
        ConfigError: A file, directory, certificate or proxy that the configuration names cannot be used.
    """
    async with AsyncExitStack() as opened:
        files = _open_files(config, log, clocks, opened) if config.file else None
        gate = Gate(log=log, random=random, clocks=clocks)
        landing = Landing(gate, timeout=config.land_timeout, clocks=clocks)
        new_id = _number_ids()
        framer = Framer(files.header if files else config.framing)
        client = make_client(config, transport, log, clocks, opened)
        drain = make_drain(config, framer, client, clocks, Renewal(config, log, learn))
        losses = Losses(ledger, log, clocks)
        spool = (
            _open_spool(config, opened, ledger=ledger, losses=losses, log=log, clocks=clocks) if config.spool else None
        )
        journal: Journal | None = files or spool
        queue: Queue = (
            MemoryQueue(max_bytes=config.back_bytes, max_batches=config.back_buff) if spool is None else spool
        )
        statistics = Statistics(
            source=config.stats_source, format=config.stats_format, started=clocks.monotonic(), random=random
        )
        accounts = Accounts(
            ledger=ledger,
            losses=losses,
            statistics=statistics,
            journal=journal,
            progress=landing.note_progress,
            attempts=log if config.verbose else None,
            clock=clocks.monotonic,
        )

        def make_source(prival: str) -> Source:
            own = Framer(config.framing._replace(prival=prival)) if prival else None
            return Source(_make_splitter(config, framer), own)

        intake = Intake(
            own=make_source(""),
            batcher=Batcher(
                framer, size=config.batch_size, max_bytes=framer.batch_limit, wait=config.wait, new_id=new_id
            ),
            queue=queue,
            backpressure=Backpressure(
                queue, ledger, patience=config.patience if config.drop and not config.file else None
            ),
            accounts=accounts,
            journal=journal,
            clocks=clocks,
        )
        outlet = Outlet(
            queue=queue,
            gate=gate,
            drain=drain,
            accounts=accounts,
            limits=Limits(
                config.max_attempts, config.age_limit, journaled=journal is not None, outlets=config.num_outlets
            ),
            random=random,
            clock=clocks.monotonic,
        )
        outages = OutageLog(gate, ledger, log, oldest=lambda: outlet.oldest, clock=clocks.monotonic)
        crew = Crew(
            intake,
            Outlets(outlet, count=config.num_outlets),
            outages,
            accounts,
            journal,
            lambda: Batch(new_id(), b"", 0, 0, (), clocks.monotonic()),
        )
        return Parts(
            clocks=clocks,
            gate=gate,
            landing=landing,
            crew=crew,
            queue=queue,
            statistics=statistics,
            files=files,
            spool=spool,
            make_source=make_source,
            opened=opened.pop_all(),
        )


def _make_splitter(config: Config, framer: Framer) -> Splitter:
    if config.input_format == "lprfc5424":
        from shuttle.core.octet_counting import LengthSplitter  # noqa: PLC0415  # start-up: few need it

        return LengthSplitter(framer.line_limit)
    return NewlineSplitter(framer.line_limit)


def make_client(
    config: Config, transport: httpx.AsyncBaseTransport | None, log: Logger, clocks: Clocks, opened: AsyncExitStack
) -> Client:
    """Return a client with `transport`, or with one of its own, which `opened` closes."""
    if transport is None:
        transport = _open_transport(config, log)
        opened.push_async_callback(transport.aclose)
    return Client(transport, timeout=config.timeout, clocks=clocks)


def _open_transport(config: Config, log: Logger) -> httpx.AsyncBaseTransport:
    tls = None
    if config.endpoint.url.scheme == "https":
        from shuttle.drain.http.tls import load_tls  # noqa: PLC0415  # start-up over http need not load authorities

        tls = load_tls(config, log)
    return make_transport(config.endpoint, tls)


def make_drain(
    config: Config, framer: Framer, client: Client, clocks: Clocks, renew: Callable[[], Endpoint | None]
) -> "Drain":
    """Return the drain that the configuration names, which is asked through `client`.

    Raises:
        ConfigError: It needs a package that is not installed.
    """
    destination = config.endpoint.aws
    if destination is None:
        return Logplex(config, framer, client, renew)
    check_packages(config)
    if destination.service.is_kinesis:
        from shuttle.drain.aws.kinesis import Kinesis  # noqa: PLC0415  # with botocore, which is an extra

        return Kinesis(config, framer, client, destination)
    from shuttle.drain.aws.cloudwatch import CloudWatch  # noqa: PLC0415  # botocore again

    return CloudWatch(config, framer, client, destination, clocks.wall)


def check_packages(config: Config) -> None:
    """Check that what the drain needs is installed.

    Raises:
        ConfigError: It is not.
    """
    if config.endpoint.aws and importlib.util.find_spec("botocore") is None:
        host = httpx.URL(config.logs_url).host
        place = ", which the single file cannot have; install log-shuttle instead" if is_single_file() else ""
        raise ConfigError(f"-logs-url: {host} needs the extra [aws]{place}: pip install 'log-shuttle[aws]'")


def _open_files(config: Config, log: Logger, clocks: Clocks, opened: AsyncExitStack) -> "FileInput":
    from shuttle.input.files.file_input import FileInput  # noqa: PLC0415  # stdin does not need SQLite

    files = FileInput.open(config, log=log, clock=clocks.monotonic)
    opened.push_async_callback(files.release)
    return files


def _open_spool(
    config: Config, opened: AsyncExitStack, *, ledger: Ledger, losses: Losses, log: Logger, clocks: Clocks
) -> "Spool":
    from shuttle.delivery.spool import Spool  # noqa: PLC0415  # SQLite again
    from shuttle.store.backlog import Backlog  # noqa: PLC0415

    assert config.spool
    backlog = Backlog.open(
        config.spool, most_bytes=config.spool_bytes, log=log, wall=clocks.wall, clock=clocks.monotonic
    )
    spool = Spool(
        backlog,
        max_bytes=config.back_bytes,
        max_batches=config.back_buff,
        ledger=ledger,
        lose=losses.give_up,
    )
    opened.push_async_callback(spool.release)
    return spool


def _number_ids() -> Callable[[], str]:
    """Return a function that gives the next Frame-Id: 32 hex digits, counted from a random start.

    A random number for each id would cost a system call each. Two processes do not share ids: they would have to start
    within a few billions of each other, out of 2**128.
    """
    numbers = count(secrets.randbits(128))
    return lambda: f"{next(numbers) % 2**128:032x}"
