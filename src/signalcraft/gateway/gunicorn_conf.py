"""Gunicorn's settings for the gateway: `gunicorn -c python:signalcraft.gateway.gunicorn_conf`."""

from typing import Any

from signalcraft.observability import draining
from signalcraft.operations import memory_limit
from signalcraft.operations.gunicorn_places import (  # noqa: F401 - hooks
    child_exit,
    post_fork,
    pre_fork,
    when_ready,
)
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.tiers import GRACE_SECONDS, bind_address, process_count
from signalcraft.settings import get_settings

_settings = get_settings()

bind = bind_address(_settings, "gateway")
proc_name = f"gateway-{_settings.colour}"
worker_class = "asgi"
workers = process_count("gateway")
worker_connections = 2000
# Several share what is loaded before the fork (engines and connections are made after it). For one alone the
# master would hold 16 MB more than it saves.
preload_app = workers > 1

# A worker that answers nothing for this long is replaced. The loop only hangs when something is wrong.
timeout = 30
graceful_timeout = GRACE_SECONDS
# Longer than the 30 s that the proxy keeps a connection, so that it is never we who close first.
keepalive = 75

# The proxy on this machine is the only one in front of us.
forwarded_allow_ips = LOOPBACK
# Its default is one socket for all instances of a user.
control_socket_disable = True
logger_class = "signalcraft.logging.GunicornLogger"
accesslog = None
# Whatever the proxy lets through (8 KiB a line) is parsed; longer lines it refuses, with a problem document.
limit_request_line = 8190
limit_request_field_size = 8192


def post_worker_init(worker: Any) -> None:
    """Tell the streams when this worker is to stop: it waits for them, and nothing else ends them."""
    draining.watch(lambda: not worker.alive)
    memory_limit.watch(_settings.worker_memory_limit_bytes)
