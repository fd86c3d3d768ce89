"""A whole system of a benchmark's own, as `signalcraft up` starts it, in a temporary folder."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from signalcraft.operations import account
from signalcraft.operations.ports import LOOPBACK
from signalcraft.ratelimits.policy import QUOTAS
from signalcraft.settings import Settings, get_settings

NO_QUOTAS = ";".join(f"{name}=1000000/second" for name in QUOTAS)
"""One address and one account send what thousands do."""
_OUTSIDE = ("DATABASE_URL", "REDIS_URL", "OBJECT_STORE_URL", "SENTRY_DSN")


@contextmanager
def own_instance(**environment: str) -> Iterator[Settings]:
    """The settings of a running system with default settings, stopped and removed at the end.

    Root goes on as the system's account, for good: open what is to be written elsewhere before.

    Parameters
    ----------
    environment : settings of its own besides, by the names of their variables.
    """
    # What the benchmark does to the database itself is of no interest.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    # Whoever ends the benchmark early ends its system, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    folder = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))  # paths of sockets must be short
    for name in [n for n in os.environ if n.startswith(("SIGNALCRAFT_", "PM2_")) or n in _OUTSIDE]:
        del os.environ[name]
    ports = zip(("GATEWAY", "API", "LINK"), _free_ports(), strict=True)
    os.environ.update(
        {
            "SIGNALCRAFT_DATA_DIR": str(folder),
            "SIGNALCRAFT_RATE_LIMITS": NO_QUOTAS,
            **{f"SIGNALCRAFT_{tier}_PORT": str(port) for tier, port in ports},
            **environment,
        }
    )
    os.chdir("/")  # no `.env` of somebody else's, and a working folder that the account may read
    try:
        _run("up")
        account.become_owner(folder, lambda text: print(text, file=sys.stderr))
        get_settings.cache_clear()
        yield get_settings()
    finally:
        _run("down")
        shutil.rmtree(folder)


def _run(command: str) -> None:
    """Run a `signalcraft` command; the benchmark ends where it fails."""
    program = Path(sys.prefix) / "bin" / "signalcraft"
    done = subprocess.run([program, command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"signalcraft {command}: {done.stderr.strip()}")


def _free_ports() -> list[int]:
    """Three ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
