"""An instance of our own with its servers elsewhere, behind wires, on small disks, by a clock that we set."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from mmap import mmap
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit, urlunsplit

from signalcraft.settings import Settings, get_settings
from systemtest.chaos.wire import Wire
from tests.server_host import ServerHost
from tests.system_instance import SystemInstance, free_ports

INSTANCE_MB, DATABASE_MB = 192, 768
"""Sizes of the disks: small enough to be filled in a moment."""


class Disk:
    """A disk in memory. Where it may not be mounted it is an ordinary folder, which nobody can fill.

    why_not : the reason, where it is one.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        options = f"size={megabytes}m,mode=0755"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
        )
        self.why_not = done.stderr.strip() if done.returncode else ""

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte more goes onto it."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                block = bytes(1024 * 1024)
                while True:
                    try:
                        file.write(block)
                    except OSError:  # what fitted of the last block was written
                        break
            yield
        finally:
            ballast.unlink(missing_ok=True)

    def close(self) -> None:
        if not self.why_not:
            # Lazily: what could not be stopped may still have a file open.
            subprocess.run(["umount", "--lazy", self.folder], check=True)


class Clock:
    """The wall clock of the instance's processes.

    why_not : why it cannot be set, where it cannot.
    """

    def __init__(self, folder: Path) -> None:
        self.environment: dict[str, str] = {}
        library, jump = folder / "clock.so", folder / "clock"
        self.why_not = _compile(Path(__file__).with_name("clock.c"), library)
        jump.write_bytes(struct.pack("q", 0))
        with jump.open("r+b") as file:
            self._jump = mmap(file.fileno(), 8)
        if not self.why_not:
            self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(jump)}

    def set(self, ahead_s: float) -> None:
        """So far ahead of the true time, from now on."""
        self._jump[:8] = struct.pack("q", round(ahead_s * 1e6))


@dataclass(frozen=True)
class Arena:
    """`settings` are those of the servers: they lead to the database itself, past the wire."""

    settings: Settings
    system: SystemInstance
    host: ServerHost
    wires: dict[str, Wire]
    disks: dict[str, Disk]
    clock: Clock
    _asking: Lock = field(default_factory=Lock)

    @property
    def data_dir(self) -> Path:
        return self.system.folder / "data"

    def restart(self, server: str, *, signal: str, away_seconds: float) -> None:
        """End one of the servers with the signal, and start it again later."""
        name = {"database": "postgres", "redis": "valkey"}[server]
        with self._asking:
            self.host.restart(name, signal=signal, away_seconds=away_seconds)


@contextmanager
def arena() -> Iterator[Arena]:
    """All of it at work; gone at the end.

    Raises
    ------
    RuntimeError
        The instance did not start.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))  # paths of sockets must be short
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        disks = {"instance": Disk(folder / "a", INSTANCE_MB), "database": Disk(folder / "d", DATABASE_MB)}
        for disk in disks.values():
            stack.callback(disk.close)
        settings, host = _servers(disks["database"].folder / "data")
        stack.callback(host.close)
        urls = {"database": settings.database_url, "redis": settings.redis_url}
        wires = {name: Wire(urlsplit(url.get_secret_value()).port or 0) for name, url in urls.items()}
        for wire in wires.values():
            stack.callback(wire.close)
        clock = Clock(folder)
        system = SystemInstance(disks["instance"].folder, free_ports())
        system.environment.update(_environment(settings, wires), **clock.environment)
        stack.callback(system.run, "down")
        started = system.start()
        if started.returncode:
            raise RuntimeError(started.stderr)
        yield Arena(settings, system, host, wires, disks, clock)


def _servers(data_dir: Path) -> tuple[Settings, ServerHost]:
    for name in [name for name in os.environ if name.startswith("SIGNALCRAFT_") or name.endswith("_URL")]:
        del os.environ[name]
    os.environ["SIGNALCRAFT_DATA_DIR"] = str(data_dir)
    host = ServerHost()
    get_settings.cache_clear()
    return get_settings(), host


def _environment(settings: Settings, wires: dict[str, Wire]) -> dict[str, str]:
    owner = settings.database_owner_url
    return {
        "DATABASE_URL": _through(wires["database"], settings.database_url.get_secret_value()),
        "DATABASE_OWNER_URL": _through(wires["database"], owner.get_secret_value() if owner else ""),
        "REDIS_URL": _through(wires["redis"], settings.redis_url.get_secret_value()),
        # A backup would be one more load, at a moment of its own.
        "SIGNALCRAFT_BACKUP_INTERVAL_HOURS": "0",
    }


def _through(wire: Wire, url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{wire.port}"))


def _compile(source: Path, library: Path) -> str:
    """Make the library; why that is not possible, where it is not."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None and find_spec("ziglang") is None:
        return "there is no C compiler (deploy/bootstrap.sh compiler)"
    compiler = [found] if found else [sys.executable, "-m", "ziglang", "cc"]
    command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""
