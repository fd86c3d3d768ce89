"""When a killed process is back: it is there anew, and does what it is for."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import redis

from benchmarks.victims import Victim, children
from signalcraft.cli.local_instance import public_url
from signalcraft.db.connection import application_url, libpq_parameters
from signalcraft.operations import kernel, launch
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import LOOPBACK, TIERS, Measured, metrics_port, tier_port
from signalcraft.settings import Settings

PM2 = "pm2"
_LOOK_SECONDS = 2.0
_MEASURED: tuple[Measured, ...] = ("worker", "scheduler", "monitor")


class Return:
    """Looks, as often as it is asked, whether the place of a killed process is taken again.

    Made before the kill. A child is back when its parent has as many as before; a process that PM2 starts
    when it is another one than before. Then what it does must work: a web tier and the proxy answer, a server
    takes connections, and a process of Celery or the monitor says its numbers, as it does when it is ready.
    """

    def __init__(self, own: Instance, victim: Victim) -> None:
        self._own, self._victim = own, victim
        self._parent = leader(own, victim.name)
        self._children = len(children(self._parent)) if self._parent else 0

    def is_done(self) -> bool:
        """Whether it is back."""
        now = leader(self._own, self._victim.name)
        if now is None:
            return False
        if self._victim.role == "child" and now == self._parent:
            if len(children(now)) < self._children:
                return False
        elif now == self._victim.pid:
            return False
        names = _started(self._own) if self._victim.name == PM2 else [self._victim.name]
        return all(_works(self._own, name) for name in names)


def leader(own: Instance, name: str) -> int | None:
    """Pid of the process that PM2 started under this name, or of PM2; None while there is none."""
    if name != PM2:
        return launch.survivor(own.run_dir, name)
    with suppress(FileNotFoundError, ValueError):
        pid = int((own.pm2_home / "pm2.pid").read_text())
        return pid if kernel.stat(pid) else None
    return None


def _started(own: Instance) -> list[str]:
    return [record.stem for record in own.run_dir.glob("*.session")]


def _works(own: Instance, name: str) -> bool:
    settings = own.settings
    kind = name.partition("-")[0]
    pid = leader(own, name)
    if pid is None:
        return False
    checks: dict[str, Callable[[], bool]] = {
        "postgres": lambda: _database_answers(settings),
        "valkey": lambda: _redis_answers(settings),
        "proxy": lambda: _answers(f"{public_url(settings, settings.gateway_port)}/live"),
    }
    for tier in TIERS:
        port = tier_port(settings.internal_port_base, tier, settings.colour)
        checks[tier] = lambda port=port: _answers(f"http://{LOOPBACK}:{port}/ready")  # type: ignore[misc]
    for process in _MEASURED:
        port = metrics_port(settings.internal_port_base, process, settings.colour)
        checks[process] = lambda port=port: _answers(f"http://{LOOPBACK}:{port}/metrics")  # type: ignore[misc]
    if kind in checks:
        return checks[kind]()
    # Backups and the watchdog only wait: they are at work when the launcher has become them.
    with suppress(OSError):
        return b"signalcraft.operations.launch" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=_LOOK_SECONDS).is_success
    except httpx.HTTPError:
        return False


def _database_answers(settings: Settings) -> bool:
    try:
        with psycopg.connect(**libpq_parameters(application_url(settings)), connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _redis_answers(settings: Settings) -> bool:
    try:
        with redis.Redis.from_url(
            settings.redis_url.get_secret_value(), socket_timeout=_LOOK_SECONDS
        ) as server:
            return bool(server.ping())
    except redis.RedisError:
        return False
