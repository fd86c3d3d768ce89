"""What the Gunicorn settings of a tier, the process manager and the database's limits must agree on."""

import os

from signalcraft.operations.ports import LOOPBACK, Tier, tier_port
from signalcraft.settings import Process, Settings

GRACE_SECONDS = 20
"""How long a stopping tier may finish what it is doing: a slow upload, an analysis that is waited for.

PM2 waits longer than this before it kills.
"""

API_THREADS = 16
"""Requests that one process of the api tier works on at a time; most of them wait for something."""

READING_PATH = "/api/iot/sensors/data"
"""Lone readings: the link takes those that are as usual, whatever else comes here is the api tier's."""
FULL_HANDLER = "@reading_again"
"""Where the link sends the proxy with a lone reading that it does not take."""


def process_count(kind: Process) -> int:
    """How many processes of a kind, of one colour, do work on this machine."""
    cores = os.cpu_count() or 1
    match kind:
        case "gateway":
            # One event loop holds thousands of idle streams, and no handler computes; half the cores are for
            # analysis.
            return max(1, cores // 2)
        case "api" | "worker":
            # Handlers mostly wait for PostgreSQL, the disk or an analysis: threads wait cheaply, processes
            # use the cores.
            return cores
        case "link":
            # One event loop serves thousands of nodes, and finds each of them for its commands.
            return 1
        case "scheduler" | "monitor" | "backups" | "command":
            return 1


def bind_address(settings: Settings, tier: Tier) -> str:
    """`host:port` that this process's colour of the tier listens on."""
    return f"{LOOPBACK}:{tier_port(settings.internal_port_base, tier, settings.colour)}"
