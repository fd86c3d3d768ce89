"""Gunicorn's settings for the api tier: `gunicorn -c python:signalcraft.api.gunicorn_conf`."""

from typing import Any

from signalcraft.operations import memory_limit
from signalcraft.operations.gunicorn_places import (  # noqa: F401 - hooks
    child_exit,
    post_fork,
    pre_fork,
    when_ready,
)
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.tiers import API_THREADS, GRACE_SECONDS, bind_address, process_count
from signalcraft.settings import get_settings

_settings = get_settings()

bind = bind_address(_settings, "api")
proc_name = f"api-{_settings.colour}"
worker_class = "gthread"
workers = process_count("api")
threads = API_THREADS
# The code is loaded once and shared by the workers; engines and connections are made after the fork.
preload_app = True
# NumPy and the decoders fragment memory: a worker is renewed now and then, not all of them at once, and
# with a thousand readings a second not every few seconds.
max_requests = 200_000
max_requests_jitter = 40_000

timeout = 60
graceful_timeout = GRACE_SECONDS
# The proxy opens a connection for each request; this is for whoever talks to the port directly.
keepalive = 5

# The proxy on this machine is the only one in front of us.
forwarded_allow_ips = LOOPBACK
# Its default is one socket for all instances of a user.
control_socket_disable = True
logger_class = "signalcraft.logging.GunicornLogger"
accesslog = None
# Whatever the proxy lets through (8 KiB a line) is parsed; longer lines it refuses, with a problem document.
limit_request_line = 8190
limit_request_field_size = 8192

_DRAINED_AT_ONCE = 64 * 1024


def post_worker_init(_worker: Any) -> None:
    """A worker that leaks is replaced."""
    memory_limit.watch(_settings.worker_memory_limit_bytes)


def post_request(_worker: Any, request: Any, _environ: Any, _response: Any) -> None:
    """Read to the end what a refused request still sends.

    Closing a socket with unread bytes resets the connection, and the proxy would answer 502 in our place. It
    has the whole body already, so this takes milliseconds, and nothing of it is kept.
    """
    while request.body.read(_DRAINED_AT_ONCE):
        pass
