"""The answer to one request, as it arrives."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import httpx


class Carrier(Protocol):
    """The connection that an answer comes on."""

    def finish(self) -> None:
        """Finish with the answer. If it is not complete, close the connection."""

    def leave(self) -> None:
        """Finish with the answer: nobody needs the rest."""


class Answer(httpx.AsyncByteStream):
    """The drain's answer as it arrives. As a stream it is the body, which ends early if the connection breaks."""

    def __init__(self, connection: Carrier) -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun: asyncio.Future[None] = loop.create_future()
        """Done when status and headers are there; fails with an httpx.TransportError if none come."""
        self.early = False
        """It is a good one that began before the request had arrived."""
        self.complete = False
        """All of the answer is there."""
        self.over = False
        """Nothing more of the body comes."""
        self.content: list[bytes] = []
        self.length = 0
        self._connection = connection
        self._more: asyncio.Future[None] | None = None  # created when a task waits: most answers come in one piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        given = 0
        while given < len(self.content) or not self.over:
            if given == len(self.content):
                self._more = asyncio.get_running_loop().create_future()
                await self._more
            pieces = self.content[given:]
            given += len(pieces)
            for piece in pieces:
                yield piece

    def add(self, content: bytes) -> None:
        """Keep a part of the body."""
        self.content.append(content)
        self.length += len(content)
        if self._more:
            self._wake(self._more)

    def end(self) -> None:
        """Note that the body is over."""
        self.over = True
        if self._more:
            self._wake(self._more)

    @staticmethod
    def _wake(more: asyncio.Future[None]) -> None:
        if not more.done():
            more.set_result(None)

    def leave(self) -> None:
        """Ignore the rest of the body. The connection can be reused after it has come."""
        self._connection.leave()

    async def aclose(self) -> None:
        """Release the connection. It can be used again if the answer is complete."""
        self._connection.finish()
