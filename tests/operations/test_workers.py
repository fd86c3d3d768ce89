"""Gunicorn's workers: one that leaks and one that hangs are replaced, by the rules of our configurations."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import pytest

SECONDS = 30.0

_CONFIGURATION = """\
from signalcraft.operations import memory_limit

worker_class = {worker_class!r}
workers = 1
threads = 4
timeout = 2
graceful_timeout = 10
control_socket_disable = True


def post_worker_init(worker):
    memory_limit.watch(limit_bytes=150_000_000, check_seconds=0.2)
"""

_THREADED = """\
import os
import time

kept = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/leak":
        kept.append(b"x" * 200_000_000)
    if path == "/slow":
        time.sleep(1.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

_ASYNC = """\
import asyncio
import os
import time

kept = []


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    path = scope["path"]
    if path == "/leak":
        kept.append(b"x" * 200_000_000)
    if path == "/slow":
        await asyncio.sleep(1.5)
    if path == "/hang":
        time.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""


@contextmanager
def gunicorn(folder: Path, worker_class: Literal["gthread", "asgi"]) -> Iterator[httpx.Client]:
    """A server of one worker with our memory limit, of 150 MB; its client does not keep connections."""
    (folder / "conf.py").write_text(_CONFIGURATION.format(worker_class=worker_class))
    (folder / "leaky.py").write_text(_THREADED if worker_class == "gthread" else _ASYNC)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with (folder / "log").open("w") as log:
            command = f"-m gunicorn -c conf.py -b fd://{listener.fileno()} leaky:application"
            server = subprocess.Popen(
                [sys.executable, *command.split()],
                cwd=folder,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
            )
        port = listener.getsockname()[1]
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Connection": "close"},
                timeout=SECONDS,
                trust_env=False,
            ) as client:
                yield client
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=SECONDS)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def worker(client: httpx.Client) -> int:
    return int(client.get("/").raise_for_status().text)


@pytest.mark.parametrize("worker_class", ["gthread", "asgi"])
def test_a_worker_that_leaks_is_replaced_and_finishes_what_it_does(
    tmp_path: Path, worker_class: Literal["gthread", "asgi"]
) -> None:
    with gunicorn(tmp_path, worker_class) as client, ThreadPoolExecutor(1) as pool:
        first = worker(client)
        slow = pool.submit(client.get, "/slow")
        time.sleep(0.3)
        assert int(client.get("/leak").text) == first
        assert int(slow.result().raise_for_status().text) == first
        wait_until(lambda: worker(client) != first)
    assert "over its memory limit" in (tmp_path / "log").read_text()


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    with gunicorn(tmp_path, "asgi") as client:
        first = worker(client)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/hang")
        assert worker(client) != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
