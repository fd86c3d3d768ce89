"""A tracker that keeps what it is sent, in place of a Sentry."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECONDS = 30.0


class Collector(ThreadingHTTPServer):
    """Takes what Sentry's library sends, as their server would."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.envelopes: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_address[1]}/1"

    def items(self, kind: str) -> list[dict[str, Any]]:
        """What came of a kind: `event`, `transaction`."""
        found = []
        for envelope in list(self.envelopes):
            lines = envelope.split("\n")[1:]
            for head, body in zip(lines[::2], lines[1::2], strict=False):
                if head and json.loads(head).get("type") == kind:
                    found.append(json.loads(body))
        return found

    def wait_for(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The items of a kind once there are so many; what there is when it takes too long."""
        deadline = time.monotonic() + SECONDS
        while len(self.items(kind)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.items(kind)


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.envelopes.append(body.decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Not between the lines of the tests."""


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector at work."""
    with Collector() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
