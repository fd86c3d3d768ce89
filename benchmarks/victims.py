"""The processes of a running instance, for whoever kills them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from signalcraft.operations import kernel
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2

SPARED = {"watchdog"}
"""It starts what PM2 no longer does; it takes no part in storing."""


@dataclass(frozen=True)
class Victim:
    """A process to kill: what it belongs to, and whether that is what PM2 started or a child of it."""

    name: str
    role: Literal["master", "child"]
    pid: int


def victims(own: Instance) -> list[Victim]:
    """All processes that run now: what PM2 started, and their children."""
    found: list[Victim] = []
    for state in Pm2(own).states():
        if state.pid is None or state.name in SPARED:
            continue
        found.append(Victim(state.name, "master", state.pid))
        found += [Victim(state.name, "child", pid) for pid in children(state.pid)]
    return found


def children(pid: int) -> list[int]:
    """Those whose parent it is."""
    return sorted(process.pid for process in kernel.processes() if process.parent == pid)


def chosen(found: Sequence[Victim], chance: random.Random) -> Victim:
    """Each kind equally often: PostgreSQL has more children than all others together."""
    kind = chance.choice(sorted({(victim.name, victim.role) for victim in found}))
    return chance.choice([victim for victim in found if (victim.name, victim.role) == kind])
