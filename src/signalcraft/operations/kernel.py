"""What Linux tells about running processes: sessions, descendants, start times, memory (`/proc`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Stat:
    """The fields of `/proc/<pid>/stat` that are used here."""

    pid: int
    state: str
    parent: int
    session: int
    start_ticks: int
    """Clock ticks after boot at which the process started: with the pid it names one process for good."""


def stat(pid: int) -> Stat | None:
    """The process, or None if there is none (any more)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name is in parentheses and may hold anything, parentheses too.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def processes() -> Iterator[Stat]:
    """Every process that is not a zombie."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (found := stat(int(entry.name))) and found.state != "Z":
            yield found


def session_members(session: int) -> list[int]:
    """Pids of the session. PM2 starts every process in a session of its own."""
    return [process.pid for process in processes() if process.session == session]


def tree(pid: int) -> set[int]:
    """The process, its session and all descendants (PostgreSQL's children make sessions of their own)."""
    everything = list(processes())
    found = {p.pid for p in everything if p.pid == pid or p.session == pid}
    while more := {p.pid for p in everything if p.parent in found} - found:
        found |= more
    return found


def programs(pid: int) -> list[str]:
    """Where a process's program lies, and the words of its command line; nothing for one that has ended."""
    folder = _PROC / str(pid)
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return [str((folder / "exe").readlink()), *words]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def memory_bytes(pids: set[int]) -> int:
    """Proportional set size: memory shared by n processes counts 1/n in each, so that sums are true.

    Falls back to the resident size of a process whose map may not be read.
    """
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = (_PROC / str(pid) / name).read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def total_memory_bytes() -> int:
    """Memory of the machine."""
    line = next(line for line in (_PROC / "meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) * 1024
