"""What each path of the address answers, and who may ask."""

from collections.abc import Callable, Mapping

import h11

from shuttle.core.stats_address import may_be_called
from shuttle.observe.web.web_answer import WebAnswer, refuse

_METHODS = (b"GET", b"HEAD")

Handler = Callable[[h11.Request], WebAnswer]


class Routes:
    """Answers a request by its path, if it is for one of the server's `names` and only reads.

    `crashed` is told of an error that nobody expected: the client gets 500, and the agent goes on.
    """

    def __init__(
        self, handlers: Mapping[str, Handler], names: frozenset[str], crashed: Callable[[Exception], None]
    ) -> None:
        self._handlers = handlers
        self._names = names
        self._crashed = crashed

    def __call__(self, request: h11.Request) -> WebAnswer:
        """Return the answer to `request`."""
        if not may_be_called(find_header(request, b"host"), self._names):
            return refuse(421, "this server has another name: ask for it by its IP address, or by that of -stats-addr")
        if request.method not in _METHODS:
            return refuse(405, "only GET and HEAD are answered")._replace(headers=(("Allow", "GET, HEAD"),))
        handler = self._handlers.get(request.target.partition(b"?")[0].decode("latin-1"))
        if handler is None:
            return refuse(404, "there is " + ", ".join(self._handlers))
        try:
            return handler(request)
        except Exception as error:  # noqa: BLE001  # a page is no reason to end, whatever is wrong with it
            self._crashed(error)
            return refuse(500, "this is a fault of log-shuttle's; its log has more")


def find_header(request: h11.Request, name: bytes) -> str:
    """Return the value of a header; an empty text if there is none."""
    return next((value.decode("latin-1") for key, value in request.headers if key == name), "")
