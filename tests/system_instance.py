"""An instance of the whole system in a folder of its own, driven as an operator and a node do."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
from numpy.typing import NDArray

_OUTSIDE = ("DATABASE_URL", "REDIS_URL", "OBJECT_STORE_URL", "SENTRY_DSN")


PublicPorts = tuple[int, int, int]
"""Of the gateway, the api, the link."""


def free_ports() -> PublicPorts:
    """Three ports that nobody listens on now."""
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for one in (first, second, third):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1], third.getsockname()[1]


class SystemInstance:
    """`username` and `password` are the administrator's, known after `start`."""

    username = "admin"

    def __init__(self, folder: Path, public_ports: PublicPorts) -> None:
        self.folder = folder
        self.public_ports = public_ports
        self.url, self.node_url = (f"http://127.0.0.1:{port}" for port in public_ports[:2])
        self.socket_url = f"ws://127.0.0.1:{public_ports[2]}/ws/sensors"
        self.password = ""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGNALCRAFT_", "PM2_")) and name not in _OUTSIDE
        }
        self.environment = {
            **kept,
            "SIGNALCRAFT_DATA_DIR": str(folder / "data"),
            "SIGNALCRAFT_GATEWAY_PORT": str(public_ports[0]),
            "SIGNALCRAFT_API_PORT": str(public_ports[1]),
            "SIGNALCRAFT_LINK_PORT": str(public_ports[2]),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A `signalcraft` command against this instance."""
        return subprocess.run(
            [Path(sys.prefix) / "bin" / "signalcraft", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def start(self) -> subprocess.CompletedProcess[str]:
        started = self.run("up")
        shown = re.search(r"password.*?(\S+)$", started.stdout, re.MULTILINE)
        self.password = shown[1] if shown else self.password
        return started

    def processes(self) -> dict[str, dict[str, Any]]:
        document = json.loads(self.run("status", "--json").stdout)
        return {process["name"]: process for process in document["processes"]}

    def setting(self, name: str) -> str:
        """A value that the instance generated for itself, such as `DATABASE_URL`."""
        lines = (self.folder / "data" / "instance.env").read_text().splitlines()
        return next(line.removeprefix(f"{name}=") for line in lines if line.startswith(f"{name}="))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the instance's database answers."""
        url = self.setting("DATABASE_URL").replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url) as connection:
            return connection.execute(query, values).fetchall()

    def post_clip(
        self, device_id: str, samples: NDArray[np.int16], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a 16 kHz clip as a node does."""
        return httpx.post(
            f"{self.node_url}/api/esp32/audio/upload",
            content=samples.astype("<i2").tobytes(),
            headers={
                "Content-Type": "application/octet-stream",
                "X-Device-ID": device_id,
                "X-Sample-Rate": "16000",
                "X-Bits-Per-Sample": "16",
                **(headers or {}),
            },
            trust_env=False,
            timeout=10,
        ).raise_for_status()


@contextmanager
def system_instance() -> Iterator[SystemInstance]:
    """An instance that is stopped and removed in the end; `start` it."""
    # Not pytest's folder: its path is too long for Unix sockets.
    folder = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))
    system = SystemInstance(folder, free_ports())
    try:
        yield system
    finally:
        system.run("down")
        shutil.rmtree(folder)
