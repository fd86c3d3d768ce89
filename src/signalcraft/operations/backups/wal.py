"""The write-ahead log: shipped while the system runs, brought back for any point in time."""

import fcntl
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signalcraft.operations.backups.destination import Destination
from signalcraft.operations.backups.sealing import Identity, Seal, open_bytes
from signalcraft.operations.errors import OperationsError

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_PER_LOG = 0x100
"""Segments of 16 MB in 4 GB: the last eight digits of a name count up to this."""
_HOLE = bytes(4096)


@dataclass(frozen=True)
class Spool:
    """What waits to be shipped."""

    files: int
    bytes: int
    given_up: int
    """Files that the limit has cost since the last backup: times after them wait for the next one."""


def look(folder: Path) -> Spool:
    """The spool in `folder`."""
    gap = folder / "gap"
    waiting = [file.stat() for file in _waiting(folder)]
    given_up = len(gap.read_text().splitlines()) if gap.exists() else 0
    return Spool(len(waiting), sum(status.st_blocks * 512 for status in waiting), given_up)


def ship(destination: Destination, spool: Path, system: str, seal: Seal) -> int:
    """Store what waits in the spool, and remove it there; the number of files."""
    # The schedule and a command may ship at the same time.
    with (spool / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = _waiting(spool)
        for file in files:
            destination.put(f"wal/{system}/{file.name}{seal.suffix()}", seal.write_bytes(file.read_bytes()))
            file.unlink()
        return len(files)


def forget_gap(spool: Path) -> None:
    """A backup that was begun after the gap no longer needs what was given up."""
    (spool / "gap").unlink(missing_ok=True)


def prune(destination: Destination, system: str, first_segment: str) -> int:
    """Remove what no kept backup needs: every file of the log before the oldest one's first."""
    old = [
        stored.name
        for stored in destination.files(f"wal/{system}")
        if _SEGMENT.match(name := Path(stored.name).name) and name[8:24] < first_segment[8:]
    ]
    destination.delete(old)
    return len(old)


def newest(destination: Destination, system: str) -> datetime | None:
    """When the newest stored file was stored: a restore reaches about that far."""
    return max((stored.modified for stored in destination.files(f"wal/{system}")), default=None)


def timeline_at(destination: Destination, system: str, moment: datetime) -> int:
    """The timeline that was written at `moment`: each restore begins a new one, and ends the one before."""
    begun = [
        int(found[1], 16)
        for stored in destination.files(f"wal/{system}")
        if (found := _HISTORY.match(Path(stored.name).name)) and stored.modified <= moment
    ]
    return max(begun, default=1)


def fetch(
    destination: Destination, system: str, first_segment: str, folder: Path, identities: Sequence[Identity]
) -> int:
    """Bring the log from `first_segment` on into `folder`; the number of files.

    Raises
    ------
    OperationsError
        It is encrypted and the key is missing or wrong.
    """
    folder.mkdir(mode=0o700, exist_ok=True)

    def bring(name: str) -> None:
        plain = open_bytes(destination.get(name), encrypted=name.endswith(".age"), identities=identities)
        _write_sparse(folder / Path(name).name.split(".zst")[0], plain)

    wanted = [
        stored.name
        for stored in destination.files(f"wal/{system}")
        if not _SEGMENT.match(name := Path(stored.name).name) or name[8:24] >= first_segment[8:]
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bring, wanted))
    return len(wanted)


def check_complete(folder: Path, first_segment: str) -> None:
    """Refuse a log with a hole in it, which PostgreSQL would take for its end.

    Raises
    ------
    OperationsError
        A file is missing in the middle.
    """
    numbers = sorted({_number(file.name) for file in folder.iterdir() if _SEGMENT.fullmatch(file.name)})
    if numbers and (numbers[0] > _number(first_segment) or len(numbers) != numbers[-1] - numbers[0] + 1):
        raise OperationsError(
            "Files are missing in the middle of the archived write-ahead log, so this backup leads only to"
            " its own end: restore it --without-log, or choose a newer one with --backup."
        )


def _number(segment: str) -> int:
    return int(segment[8:16], 16) * _PER_LOG + int(segment[16:24], 16)


def _waiting(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    return sorted(
        file for file in folder.iterdir() if _SEGMENT.match(file.name) or _HISTORY.fullmatch(file.name)
    )


def _write_sparse(path: Path, data: bytes) -> None:
    """Mostly a file of the log is cut short and the rest is zeros, which need no room."""
    with path.open("wb") as file:
        for start in range(0, len(data), len(_HOLE)):
            block = data[start : start + len(_HOLE)]
            if block == _HOLE:
                file.seek(len(block), 1)
            else:
                file.write(block)
        file.truncate(len(data))
