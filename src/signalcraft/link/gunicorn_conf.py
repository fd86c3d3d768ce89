"""Gunicorn's settings for the nodes' tier: `gunicorn -c python:signalcraft.link.gunicorn_conf`."""

import gc
import resource
import sys
from typing import Any

from signalcraft.link.connections import CONNECTIONS_LIMIT
from signalcraft.link.messages import MESSAGE_LIMIT_BYTES
from signalcraft.link.readings import AT_ONCE
from signalcraft.observability import draining
from signalcraft.operations import gunicorn_places, memory_limit
from signalcraft.operations.gunicorn_places import child_exit, pre_fork, when_ready  # noqa: F401 - hooks
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.tiers import GRACE_SECONDS, bind_address, process_count
from signalcraft.settings import get_settings

_settings = get_settings()

bind = bind_address(_settings, "link")
proc_name = f"link-{_settings.colour}"
worker_class = "asgi"
workers = process_count("link")
# The code is loaded once and shared with the master, and a worker that takes another's place is there at
# once; engines and connections are made after the fork.
preload_app = True
# A few more than there may be sockets and lone readings, so that who is one too many is told so.
worker_connections = CONNECTIONS_LIMIT + AT_ONCE + 200
websocket_max_message_size = MESSAGE_LIMIT_BYTES
backlog = 2048

# A worker that answers nothing for this long is replaced. The loop only hangs when something is wrong.
timeout = 30
graceful_timeout = GRACE_SECONDS
keepalive = 5

GARBAGE_OBJECTS = 50_000
"""New objects between two looks at the young ones: those of some hundred messages."""

SWITCH_SECONDS = 0.0005
"""The loop gives the interpreter away with each send and receive. By default the writer's thread would then
keep it for 5 ms: while it works, the loop would serve 200 messages a second."""

# The proxy on this machine is the only one in front of us.
forwarded_allow_ips = LOOPBACK
# Its default is one socket for all instances of a user.
control_socket_disable = True
logger_class = "signalcraft.logging.GunicornLogger"
accesslog = None
limit_request_line = 8190
limit_request_field_size = 8192


def post_fork(server: Any, worker: Any) -> None:
    """A file for each node: as many as the system allows."""
    gunicorn_places.post_fork(server, worker)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def post_worker_init(worker: Any) -> None:
    """Tell the nodes when this worker is to stop: it waits for them, and nothing else ends them.

    What thousands of sockets consist of lives for days: looking through all of it for garbage, as often as
    messages come and go, makes every node wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    sys.setswitchinterval(SWITCH_SECONDS)
    draining.watch(lambda: not worker.alive)
    memory_limit.watch(_settings.worker_memory_limit_bytes)
