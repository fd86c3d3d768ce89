"""How each fault is made and ended. Every function returns when the fault is over."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress

import psycopg
import redis

from benchmarks.victims import children
from signalcraft.db.connection import application_url, libpq_parameters
from signalcraft.operations import kernel, launch
from systemtest.chaos.arena import Arena
from systemtest.chaos.schedule import Fault

LONGEST_DELAY_S = 0.15
LOSS = 0.02
FURTHEST_JUMP_S = 600.0
"""Less than the 15 minutes after which a reading is recorded and no longer rings (docs/chaos.md)."""


class Impossible(Exception):
    """This fault cannot be made on this machine; the message says why."""


async def play(arena: Arena, fault: Fault) -> None:
    """Make the fault, and end it when its time is over.

    Raises
    ------
    Impossible
        Not on this machine.
    """
    await _KINDS[fault.kind](arena, fault)


# --- processes


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _kill(arena: Arena, fault: Fault) -> None:
    if pid := launch.survivor(arena.data_dir / "run", fault.target):
        _signal([pid], signal.SIGKILL)
    await asyncio.sleep(fault.lasts_s)


async def _kill_child(arena: Arena, fault: Fault) -> None:
    pid = launch.survivor(arena.data_dir / "run", fault.target)
    found = children(pid) if pid else []
    if found:
        _signal([found[int(fault.chance * len(found))]], signal.SIGKILL)
    await asyncio.sleep(fault.lasts_s)


async def _freeze(arena: Arena, fault: Fault) -> None:
    pid = launch.survivor(arena.data_dir / "run", fault.target)
    frozen = kernel.tree(pid) if pid else set()
    _signal(frozen, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        _signal(frozen, signal.SIGCONT)


async def _kill_pm2(arena: Arena, fault: Fault) -> None:
    with suppress(FileNotFoundError, ValueError):
        _signal([int((arena.data_dir / "pm2" / "pm2.pid").read_text())], signal.SIGKILL)
    await asyncio.sleep(fault.lasts_s)


# --- the network between processes and servers


async def _delay(arena: Arena, fault: Fault) -> None:
    wire = arena.wires[fault.target]
    wire.delay_s = fault.chance * LONGEST_DELAY_S
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        wire.delay_s = 0.0


async def _stall(arena: Arena, fault: Fault) -> None:
    wire = arena.wires[fault.target]
    wire.is_stuck = True
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        wire.is_stuck = False


async def _drops(arena: Arena, fault: Fault) -> None:
    wire = arena.wires[fault.target]
    wire.loss = LOSS
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        wire.loss = 0.0


async def _cut(arena: Arena, fault: Fault) -> None:
    wire = arena.wires[fault.target]
    wire.is_dead = True
    wire.cut()
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        wire.is_dead = False


async def _half_open(arena: Arena, fault: Fault) -> None:
    try:
        arena.wires[fault.target].forget()
    except PermissionError:
        raise Impossible("a connection ends silently only with CAP_NET_ADMIN") from None
    await asyncio.sleep(fault.lasts_s)


# --- servers


async def _crash(arena: Arena, fault: Fault) -> None:
    number = "SIGQUIT" if fault.target == "database" else "SIGKILL"
    await asyncio.to_thread(arena.restart, fault.target, signal=number, away_seconds=fault.lasts_s)


async def _restart(arena: Arena, fault: Fault) -> None:
    number = "SIGINT" if fault.target == "database" else "SIGTERM"
    await asyncio.to_thread(arena.restart, fault.target, signal=number, away_seconds=fault.lasts_s)


async def _flush(arena: Arena, fault: Fault) -> None:
    with (
        suppress(redis.RedisError),  # it is away itself
        redis.Redis.from_url(arena.settings.redis_url.get_secret_value()) as server,
    ):
        server.flushall()
    await asyncio.sleep(fault.lasts_s)


async def _exhaust(arena: Arena, fault: Fault) -> None:
    """Every connection that the server has left is somebody else's."""
    parameters = libpq_parameters(application_url(arena.settings))
    with ExitStack() as held:

        def take_all() -> None:
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(psycopg.connect(**parameters, connect_timeout=2))

        await asyncio.to_thread(take_all)
        await asyncio.sleep(fault.lasts_s)


async def _fill(arena: Arena, fault: Fault) -> None:
    disk = arena.disks[fault.target]
    if disk.why_not:
        raise Impossible(f"no disk of our own can be mounted: {disk.why_not}")
    with disk.full():
        await asyncio.sleep(fault.lasts_s)
    if fault.target == "database":
        # A server that stopped for want of room is started by whoever made room.
        await asyncio.to_thread(arena.restart, "database", signal="SIGINT", away_seconds=0.0)


async def _jump(arena: Arena, fault: Fault) -> None:
    """The clock of all processes jumps, forwards or backwards, and back at the end."""
    if arena.clock.why_not:
        raise Impossible(f"the clock cannot be set: {arena.clock.why_not}")
    arena.clock.set((2 * fault.chance - 1) * FURTHEST_JUMP_S)
    try:
        await asyncio.sleep(fault.lasts_s)
    finally:
        arena.clock.set(0.0)


_KINDS: dict[str, Callable[[Arena, Fault], Awaitable[None]]] = {
    "kill": _kill,
    "kill-child": _kill_child,
    "freeze": _freeze,
    "delay": _delay,
    "stall": _stall,
    "drops": _drops,
    "cut": _cut,
    "half-open": _half_open,
    "crash": _crash,
    "restart": _restart,
    "flush": _flush,
    "connections": _exhaust,
    "disk": _fill,
    "clock": _jump,
    "supervisor": _kill_pm2,
}
