"""The site at -stats-addr: /metrics, /healthz, /readyz, and a page with live numbers."""

import json
import pkgutil
import socket
from collections.abc import Callable
from functools import partial

import anyio
import h11

from shuttle.core.stats_address import StatsAddress
from shuttle.observe.log import Logger
from shuttle.observe.recent_lines import RecentLines
from shuttle.observe.snapshot import Snapshot
from shuttle.observe.web.exposition import Exposition
from shuttle.observe.web.health import find_reasons
from shuttle.observe.web.page_state import describe
from shuttle.observe.web.recent_counts import STEP, RecentCounts
from shuttle.observe.web.routes import Routes, find_header
from shuttle.observe.web.web_answer import WebAnswer, refuse
from shuttle.observe.web.web_server import WebServer, listen

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_JSON = "application/json"


class Site:
    """Shows what an agent does. Nobody is answered before it runs; who connects earlier waits.

    `clean` returns text of strangers without credentials and control characters, and `recent` has the log's lines,
    which are so already.
    """

    def __init__(
        self, address: StatsAddress, given: str, *, log: Logger, clean: Callable[[str], str], recent: RecentLines
    ) -> None:
        self._listeners = listen(address, given)
        self._names = frozenset({"localhost", address.host.lower(), socket.gethostname().lower()})
        self._log = log
        self._clean = clean
        self._recent = recent
        self._history = RecentCounts()
        self._crashed = False
        self._files = {name: _load(name) for name, _ in _FILES.values()}

    async def run(self, look: Callable[[], Snapshot]) -> None:
        """Serve what `look` returns, the snapshot of the moment, until cancelled."""

        def look_cleanly() -> Snapshot:
            seen = look()
            unread = {self._clean(path): left for path, left in seen.unread.items()}
            return seen._replace(unread=unread, drain=seen.drain._replace(error=self._clean(seen.drain.error)))

        exposition = Exposition(look_cleanly)
        routes = Routes(
            {
                "/": partial(self._show, "/"),
                "/metrics": lambda request: WebAnswer(200, *exposition.render(find_header(request, b"accept"))),
                "/healthz": lambda _: WebAnswer(200, b"ok\n"),
                "/readyz": lambda _: self._tell_ready(look_cleanly()),
                "/state.json": lambda _: self._tell_state(look_cleanly()),
                **{path: partial(self._show, path) for path in _FILES},
            },
            self._names,
            self._note_crash,
        )
        for listener in self._listeners:
            self._log.info("stats.listening", url=_format_url(listener))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(WebServer(self._listeners, routes, self._note_crash).run)
            while True:
                try:
                    self._history.note(look(), anyio.current_time())
                except Exception as error:  # noqa: BLE001  # a chart is no reason to end
                    self._note_crash(error)
                await anyio.sleep(STEP)

    def close(self) -> None:
        """Listen no more."""
        for listener in self._listeners:
            listener.close()

    def _show(self, path: str, _: h11.Request) -> WebAnswer:
        name, content_type = _FILES[path]
        return WebAnswer(200, self._files[name], content_type)

    def _tell_ready(self, seen: Snapshot) -> WebAnswer:
        reasons = list(find_reasons(seen, self._history, anyio.current_time()))
        return refuse(503, "\n".join(reasons)) if reasons else WebAnswer(200, b"ok\n")

    def _tell_state(self, seen: Snapshot) -> WebAnswer:
        state = describe(seen, self._history, self._recent, anyio.current_time())
        return WebAnswer(200, json.dumps(state, ensure_ascii=False).encode(), _JSON)

    def _note_crash(self, error: Exception) -> None:
        if not self._crashed:
            self._crashed = True
            advice = "this is a fault of log-shuttle's: please report this line"
            self._log.error("stats.crashed", error=f"{type(error).__name__}: {error}", advice=advice)


def _load(name: str) -> bytes:
    """Return a file of the page, which may stand in an archive."""
    data = pkgutil.get_data(__package__, name)
    assert data is not None, "a package has its files"
    return data


def _format_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
