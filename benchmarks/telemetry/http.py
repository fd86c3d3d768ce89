"""HTTP/1.1 with as little work as possible: the load generator shares the cores with what it measures."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One kept connection; it is opened anew when the server has closed it."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Ask once; raises as `post` does."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return await self._send(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{lines}\r\n".encode(), b"")

    async def post(
        self,
        path: str,
        body: bytes | memoryview,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send once.

        Raises
        ------
        OSError, asyncio.IncompleteReadError
            The connection ended before the answer was there: nobody knows whether it was done.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {kind}\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return await self._send(head.encode(), body)

    async def _send(self, head: bytes, body: bytes | memoryview) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=2**20)
        reader, writer = self._streams
        try:
            writer.write(head)
            writer.write(body)
            await writer.drain()
            answer = await _read(reader)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split()[1]), headers, body)
