"""An instance of the whole system that a benchmark makes for itself and removes."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signalcraft.db.engine import get_engine
from signalcraft.ratelimits.policy import QUOTAS
from signalcraft.settings import get_settings

ROOT = Path(__file__).resolve().parents[2]
NO_QUOTAS = ";".join(f"{name}=1000000/second" for name in QUOTAS)
"""All of the load comes from one address and one account."""


@contextmanager
def own_instance(release: Path = ROOT) -> Iterator[Path]:
    """A running instance while the block runs; its data folder.

    The settings of this program are the instance's, too: `unit_of_work` opens its database.

    release : the checkout whose `signalcraft up` starts it.
    """
    folder = Path(tempfile.mkdtemp(prefix="sc-bench-", dir="/tmp"))
    os.environ.update(_environment(folder))
    for name in ("DATABASE_URL", "REDIS_URL", "OBJECT_STORE_URL", "SENTRY_DSN"):
        os.environ.pop(name, None)
    os.chdir(folder)
    try:
        subprocess.run([release / ".venv" / "bin" / "signalcraft", "up"], check=True, stdout=sys.stderr)
        get_settings.cache_clear()
        yield folder / "data"
    finally:
        get_engine().dispose()
        subprocess.run([release / ".venv" / "bin" / "signalcraft", "down"])
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for port in (one, two, three):
            port.bind(("127.0.0.1", 0))
        ports = [str(port.getsockname()[1]) for port in (one, two, three)]
    names = ("SIGNALCRAFT_GATEWAY_PORT", "SIGNALCRAFT_API_PORT", "SIGNALCRAFT_LINK_PORT")
    return {
        **dict(zip(names, ports, strict=True)),
        "SIGNALCRAFT_DATA_DIR": str(folder / "data"),
        "SIGNALCRAFT_RATE_LIMITS": NO_QUOTAS,
    }
