"""The proxy, really started, before small servers that stand where the tiers would."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from signalcraft.operations import proxy
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import Colour, tier_port
from signalcraft.operations.ports import Tier as TierName
from signalcraft.operations.proxy import STREAM_PATH
from signalcraft.operations.tiers import FULL_HANDLER, READING_PATH

HELD = f"{STREAM_PATH}?held"
"""Answered with one line now and one when the tier `may_end`."""


class Tier(ThreadingHTTPServer):
    """Answers with its own name and what it was asked."""

    daemon_threads = True

    def __init__(self, name: str, colour: Colour, port: int) -> None:
        self.name = name
        self.colour = colour
        self.may_end = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Tier

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == HELD:
            self.send_response(200)
            self.end_headers()
            for line in (b"begun\n", b"ended\n"):
                self.wfile.write(line)
                self.server.may_end.wait()
            return
        if self.path == "/api/iot/die" or (self.server.name, body) == ("link", b"die"):
            self.close_connection = True
            return
        if (self.server.name, body) == ("link", b"unusual"):
            self.send_response(421)
            self.send_header("X-Accel-Redirect", FULL_HANDLER)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("X-Seen", f"{self.server.name} {self.path}")
        self.send_header("Seen-Colour", self.server.colour)
        if self.path == READING_PATH:
            self.send_header("Seen-Body", body.decode())
        for name in ("X-Request-ID", "X-Forwarded-For", "X-Forwarded-Proto"):
            self.send_header(f"Seen-{name}", self.headers.get(name, ""))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(instance: Instance, name: TierName, colour: Colour = "blue") -> Iterator[Tier]:
    port = tier_port(instance.settings.internal_port_base, name, colour)
    with Tier(name, colour, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def proxy_of(made: Instance, change: Callable[[str], str] = str) -> Iterator[httpx.Client]:
    """A client of the instance's proxy, which runs with its configuration after a change."""
    proxy.prepare(made)
    file = made.proxy_dir / "nginx.conf"
    file.write_text(change(file.read_text()))
    # Root's nginx gives its worker to the account `nobody`.
    for folder in (made.proxy_dir, *made.proxy_dir.parents[:3]):
        folder.chmod(0o755)
    server = subprocess.Popen(proxy.command(made), stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{made.settings.gateway_port}"
        transport = httpx.HTTPTransport(retries=5)  # until it listens
        with httpx.Client(base_url=url, transport=transport, timeout=10) as client:
            yield client
    finally:
        server.terminate()
        server.wait()
