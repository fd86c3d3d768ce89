"""A fresh instance in a folder and on ports of its own, at default settings; it ends with the load test."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from signalcraft.settings import Settings, get_settings

_OUTSIDE = ("DATABASE_URL", "REDIS_URL", "OBJECT_STORE_URL", "SENTRY_DSN")
_PUBLIC_PORTS = ("SIGNALCRAFT_GATEWAY_PORT", "SIGNALCRAFT_API_PORT", "SIGNALCRAFT_LINK_PORT")


@dataclass(frozen=True)
class System:
    """A running instance: what a client and an operator know of it."""

    folder: Path
    settings: Settings

    @property
    def origin(self) -> str:
        """Where browsers and nodes reach it: any public port answers every path."""
        return f"http://127.0.0.1:{self.settings.gateway_port}"


@contextmanager
def fresh_system() -> Iterator[System]:
    """Start an instance; this process takes its settings from then on. Stopped and removed in the end.

    Raises
    ------
    RuntimeError
        It did not start; the message is what `signalcraft up` said.
    """
    # A short path: Unix sockets have 107 bytes for theirs.
    folder = Path(tempfile.mkdtemp(prefix="sc-load-", dir="/tmp"))
    for name in list(os.environ):
        if name.startswith(("SIGNALCRAFT_", "PM2_")) or name in _OUTSIDE:
            del os.environ[name]  # default settings, whatever the caller's shell has
    os.environ["SIGNALCRAFT_DATA_DIR"] = str(folder / "data")
    os.environ |= dict(zip(_PUBLIC_PORTS, map(str, _free_ports(len(_PUBLIC_PORTS))), strict=True))
    try:
        started = _signalcraft(folder, "up")
        if started.returncode:
            raise RuntimeError(f"The instance did not start.\n{started.stdout}\n{started.stderr}")
        get_settings.cache_clear()
        yield System(folder, get_settings())
    finally:
        _signalcraft(folder, "down")
        shutil.rmtree(folder)


def _signalcraft(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.prefix) / "bin" / "signalcraft"
    # The folder that it runs in has no `.env` that would change a default.
    return subprocess.run([program, command], cwd=folder, capture_output=True, text=True)


def _free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now."""
    held = [socket.socket() for _ in range(number)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()
