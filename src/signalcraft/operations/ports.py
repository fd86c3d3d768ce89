"""Ports of an instance: the public three are settings, the internal ones a block of 100 on the loopback."""

import socket
import zlib
from pathlib import Path
from typing import Literal, get_args

from signalcraft.operations.errors import OperationsError

Colour = Literal["blue", "green"]
Tier = Literal["gateway", "api", "link"]
Measured = Literal["worker", "scheduler", "monitor"]
"""What listens only to say its numbers."""

LOOPBACK = "127.0.0.1"
BLOCK = 100
FIRST_BLOCK = 13_000
LAST_BLOCK = 31_900
"""Below 32768, where Linux takes the ports of outgoing connections from."""

POSTGRES = 32
BUGSINK = 60
VALKEY = 79
TIERS: tuple[Tier, ...] = ("gateway", "api", "link")
_PLACES = {"gateway": 0, "api": 10, "link": 20}
_METRICS_PLACES: dict[Measured, int] = {"worker": 40, "scheduler": 42, "monitor": 44}
_PROXY_PLACE = 50


def tier_port(base: int, tier: Tier, colour: Colour) -> int:
    """The internal port of a web tier. Both colours have one, so that two releases can run side by side."""
    return base + _PLACES[tier] + (colour == "green")


def metrics_port(base: int, process: Measured, colour: Colour) -> int:
    """Where a process that serves nothing else says its numbers. The monitor is one for both colours."""
    return base + _METRICS_PLACES[process] + (colour == "green" and process != "monitor")


def proxy_port(base: int, colour: Colour) -> int:
    """Where the proxy leads to one colour only, whatever its share of the traffic: to try a release."""
    return base + _PROXY_PLACE + (colour == "green")


def block_ports(base: int) -> list[int]:
    """Every port of the block that an instance may listen on."""
    tiers = [base + offset + other for offset in _PLACES.values() for other in (0, 1)]
    metrics = {
        metrics_port(base, process, colour) for process in _METRICS_PLACES for colour in get_args(Colour)
    }
    proxies = [proxy_port(base, colour) for colour in get_args(Colour)]
    return [*tiers, *sorted(metrics), *proxies, base + POSTGRES, base + BUGSINK, base + VALKEY]


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now. Ports that only linger in TIME_WAIT count as free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_block(data_dir: Path) -> int:
    """First port of a free block for the instance in `data_dir`.

    The search starts at a place derived from the folder's path, because another instance that is stopped now
    listens on nothing and must still find its own block free tomorrow.
    """
    blocks = range(FIRST_BLOCK, LAST_BLOCK + 1, BLOCK)
    start = zlib.crc32(str(data_dir).encode()) % len(blocks)
    for step in range(len(blocks)):
        base = blocks[(start + step) % len(blocks)]
        if all(is_free(LOOPBACK, port) for port in block_ports(base)):
            return base
    raise OperationsError(
        f"No block of {BLOCK} free loopback ports was found between {FIRST_BLOCK} and {LAST_BLOCK + BLOCK}."
        " Set SIGNALCRAFT_INTERNAL_PORT_BASE to the first port of a block that is free."
    )
