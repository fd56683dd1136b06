"""Deliveries to a local drain, without a shuttle."""

import contextlib
import http.client
from collections.abc import Mapping, Sequence

from shuttle.local_drain import LocalDrain


def post(
    drain: LocalDrain,
    messages: Sequence[str],
    *,
    pri: int = 190,
    appname: str = "shop",
    procid: str = "web.1",
    timestamp: str = "2024-01-02T03:04:05.123456+00:00",
    size: int = 500,
    status: int = 204,
    more: Mapping[str, str] | None = None,
) -> None:
    """Post `messages` as log-shuttle would, `size` in a request, with `more` headers; `status` is what is answered."""
    head = f"<{pri}>1 {timestamp} host {appname} {procid} - - "
    with contextlib.closing(http.client.HTTPConnection(drain.url.split("/")[2])) as connection:
        for start in range(0, len(messages), size):
            frames = [f"{head}{message}\n".encode() for message in messages[start : start + size]]
            headers = {"Content-Type": "application/logplex-1", "Logplex-Msg-Count": str(len(frames)), **(more or {})}
            connection.request("POST", "/", b"".join(b"%d %b" % (len(frame), frame) for frame in frames), headers)
            with connection.getresponse() as answer:
                answer.read()
                assert answer.status == status
