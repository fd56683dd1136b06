"""Checks the route to the drain, step by step: name, connection, TLS. Each step needs the one before it."""

import asyncio
import contextlib
import math
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import anyio
import httpx

from shuttle.command.check.finding import Finding, State
from shuttle.config import Config
from shuttle.drain.http import tcp
from shuttle.drain.http.failures import UNREACHED, describe
from shuttle.drain.http.names import look_up
from shuttle.drain.http.proxy import PORTS, Proxy
from shuttle.drain.http.tls import Tls
from shuttle.errors import ConfigError

SOON = 14  # days; programs renew certificates earlier
_DAY = 24 * 60 * 60  # seconds
_SOCKS_PORT = 1080
_MOST_ADDRESSES = 4  # that a finding names
_NAME_SERVERS = "check the name servers of this machine; slow ones may need a longer -timeout"


class Found(NamedTuple):
    """The result of a step."""

    state: State
    text: str


class Step(NamedTuple):
    """A step of the route."""

    topic: str
    take: Callable[[], Awaitable[Found]]
    limit: float = 0.0
    """Seconds; 0: none."""
    advice: str = UNREACHED
    """What the user can do about one that takes longer."""


async def take(steps: Sequence[Step]) -> AsyncIterator[Finding]:
    """Yield the result and duration of each step. After a failure the others are skipped."""
    failed = ""
    for topic, step, limit, advice in steps:
        if failed:
            yield Finding("skip", topic, f"needs {failed}")
            continue
        started = time.monotonic()
        found = None
        with anyio.move_on_after(limit or math.inf):
            found = await _try(step)
        if found is None:
            found = Found("fail", join_advice(f"nothing within {limit:g}s", advice))
        elif found.state in ("ok", "warn"):
            found = found._replace(text=f"{found.text} ({round((time.monotonic() - started) * 1000)} ms)")
        failed = topic if found.state == "fail" else ""
        yield Finding(found.state, topic, found.text)


def join_advice(text: str, advice: str) -> str:
    """Return what is wrong, followed by what the user can do about it, if that is known."""
    return f"{text}; {advice}" if text and advice else text or advice


async def _try(step: Callable[[], Awaitable[Found]]) -> Found:
    try:
        return await step()
    except ConfigError as error:
        return Found("fail", str(error))
    except (httpx.TransportError, OSError) as error:
        return Found("fail", join_advice(*describe(error)))


class Route:
    """The route to the drain of `config`, which may lead through a proxy."""

    def __init__(self, config: Config, tls: Tls | None, proxy: httpx.URL | None) -> None:
        self._drain = config.endpoint.url
        self._tls = tls
        self._proxy = proxy
        self._nearest = proxy or self._drain
        self._limit = config.timeout
        self._connected: socket.socket | None = None

    def list_steps(self) -> list[Step]:
        """Return the steps, but for the request."""
        return [
            Step("resolve", self._resolve, self._limit, _NAME_SERVERS),
            Step("connect", self._connect, self._limit),
            Step("tls", self._shake_hands, self._limit),
        ]

    def close(self) -> None:
        """Close the connection."""
        if self._connected:
            with contextlib.suppress(OSError):  # uvloop leaves it open if a handshake fails
                self._connected.shutdown(socket.SHUT_RDWR)
            self._connected.close()

    @property
    def _place(self) -> tuple[str, int]:
        """The host and the port that are connected to."""
        url = self._nearest
        return url.host, url.port or PORTS.get(url.scheme, _SOCKS_PORT)

    async def _resolve(self) -> Found:
        host, port = self._place
        try:
            addresses = list(dict.fromkeys(str(address[0]) for *_, address in await look_up(host, port)))
        except OSError as error:
            named = httpx.ProxyError("") if self._proxy else httpx.ConnectError("")
            named.__cause__ = error
            return Found("fail", join_advice(*describe(named)))
        shown = ", ".join(addresses[:_MOST_ADDRESSES])
        more = len(addresses) - _MOST_ADDRESSES
        shown += f" and {more} more" if more > 0 else ""
        return Found("ok", shown if addresses == [host] else f"{host}: {shown}")

    async def _connect(self) -> Found:
        if self._proxy and self._proxy.scheme == "http":
            self._connected = await Proxy(self._proxy).connect(self._drain)
            through = ", and through the proxy to the drain" if self._drain.scheme == "https" else ", the proxy"
        else:
            try:
                self._connected = await tcp.connect(*self._place)
            except OSError as error:
                if self._proxy:
                    raise httpx.ProxyError(str(error)) from error
                raise
            through = ", the proxy" if self._proxy else ""
        address, port = self._connected.getpeername()[:2]
        return Found("ok", f"{address} port {port}{through}")

    async def _shake_hands(self) -> Found:
        """Begin TLS on the connection as a request does."""
        if self._tls is None:
            return Found("skip", "not used: -logs-url is http:")
        if self._proxy and self._proxy.scheme != "http":
            return Found("skip", "the request tells: what is between is up to a proxy with TLS or SOCKS")
        assert self._connected
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol,
            sock=self._connected,
            ssl=self._tls.context,
            server_hostname=self._drain.host.removesuffix("."),
        )
        session: ssl.SSLObject = transport.get_extra_info("ssl_object")
        version, certificate = session.version(), session.getpeercert()
        transport.abort()
        if not certificate:
            return Found("warn", f"{version}, certificate not looked at")
        days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY
        text = f"{version}, certificate issued by {_name_issuer(certificate)}, {math.floor(days)} days left"
        return Found("warn" if days < SOON else "ok", text)


def _name_issuer(certificate: Mapping[str, object]) -> str:
    """Return the organization that signed a certificate, and the name of its signing certificate."""
    fields: dict[str, str] = {}
    issuer = certificate.get("issuer")
    for part in issuer if isinstance(issuer, tuple) else ():
        fields.update(part)
    names = [fields[key] for key in ("organizationName", "commonName") if key in fields]
    return " ".join(names) or "nobody who is named"
