"""Old log lines go: each log is cut by size and age, and what was cut off is kept for a while."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from signalcraft.operations.logs import time_of_line

LIMIT_BYTES = 10 * 2**20
"""Of one log. With the kept ones, a dozen processes take 0.7 GB at most."""
LIMIT_AGE = timedelta(days=7)
"""Of the first line of a log: a quiet process's is cut too."""
KEPT = 5
"""Earlier parts of each log, `NAME.log.1` the latest."""
KEPT_AGE = timedelta(days=30)

_LINES_LOOKED_AT = 20
"""The first lines may be the rest of a traceback, which has no time."""


def rotate(folder: Path) -> None:
    """Cut the logs that have grown too long or too old, and remove earlier parts past their age."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LIMIT_BYTES or _is_old(log):
            _cut(log)
    for part in folder.glob("*.log.*"):
        if time.time() - part.stat().st_mtime > KEPT_AGE.total_seconds():
            part.unlink()


def _is_old(log: Path) -> bool:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in islice(lines, _LINES_LOOKED_AT):
            if moment := time_of_line(line):
                written = datetime.fromisoformat(moment).astimezone(UTC)
                return datetime.now(UTC) - written > LIMIT_AGE
    return False


def _cut(log: Path) -> None:
    """Copy the log away and empty it.

    PM2 holds the file open. Renamed, it would be written on, and PM2's way to open it anew (`reloadLogs`)
    drops what it has not written yet. PM2 appends, so it goes on at the start of the emptied file. A line
    written between the last read and the emptying, some microseconds, is lost.
    """
    for number in reversed(range(1, KEPT)):
        part = _part(log, number)
        if part.exists():
            part.replace(_part(log, number + 1))
    with log.open("r+b") as source, _private(_part(log, 1)) as target:
        shutil.copyfileobj(source, target)
        target.flush()
        shutil.copyfileobj(source, target)
        source.truncate(0)


def _part(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _private(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
