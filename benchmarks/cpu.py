"""Processor time of each process of the instance: what a clip costs, whatever else the host does."""

import os
import re
from pathlib import Path

from signalcraft.operations import instance, kernel

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> dict[str, float]:
    """Seconds so far by process name, with children; empty where the instance is not on this host."""
    found: dict[str, float] = {}
    for file in sorted((instance.load().pm2_home / "pids").glob("*.pid")):
        name = re.sub(r"(-blue|-green)?-\d+$", "", file.stem)
        found[name] = sum(map(_of, kernel.tree(int(file.read_text()))))
    return found


def own_seconds() -> float:
    """Seconds so far of this process and all below it."""
    return tree_seconds(os.getpid())


def tree_seconds(pid: int) -> float:
    """Seconds so far of a process and all below it."""
    return sum(map(_of, kernel.tree(pid)))


def memory_bytes(named: str = "") -> int:
    """Memory of all processes of the instance, or of those so named; what several share counts once."""
    files = (instance.load().pm2_home / "pids").glob(f"{named}*.pid")
    pids = [int(file.read_text()) for file in files]
    return sum(_proportional_bytes(pid) for root in pids for pid in kernel.tree(root))


def host_busy_seconds() -> float:
    """Seconds that all cores have worked since the host started, for whomever (proc(5), /proc/stat)."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) * _TICK_SECONDS


def _of(pid: int) -> float:
    """User and system time of a process and of its children that have ended (proc(5), fields 14 to 17)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, text[text.rindex(")") + 2 :].split()[11:15])) * _TICK_SECONDS


def _proportional_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
