"""One readable stream out of the log files of all processes, merged by time."""

import heapq
import itertools
import json
import os
import re
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

_TIMES = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}(?= UTC)"), "%Y-%m-%d %H:%M:%S.%f"),  # PostgreSQL
    (
        re.compile(r"(?<=[A-Z] )\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}"),
        "%d %b %Y %H:%M:%S.%f",
    ),  # Valkey
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"), "%Y/%m/%d %H:%M:%S"),  # nginx
)
"""How the servers write the time, in UTC (we start them so) and near the start of a line."""

_SHOWN_ELSEWHERE = {"timestamp", "level", "event", "process", "release", "colour", "logger", "exception"}
_BLOCK = 65_536
_POLL_SECONDS = 0.3


@dataclass(frozen=True, order=True)
class Line:
    """One line of one process."""

    time: str
    """ISO 8601 in UTC; a line without a time of its own has that of the line before."""
    process: str
    text: str
    """As it is written in the file."""


def names(folder: Path) -> list[str]:
    """The processes that have a log."""
    return sorted(file.stem for file in folder.glob("*.log"))


def tail(folder: Path, processes: Iterable[str], count: int) -> list[Line]:
    """The last `count` lines of these processes together, oldest first."""
    streams = [_lines(name, _newest_lines(folder / f"{name}.log", count)) for name in processes]
    return list(deque(heapq.merge(*streams, key=lambda line: line.time), maxlen=count))


def follow(folder: Path, processes: Sequence[str]) -> Generator[Line, None, None]:
    """New lines of these processes as they are written, for ever."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(_open_at_end(folder / f"{name}.log")) for name in processes}
        while True:
            batch = [line for name, file in files.items() for line in _lines(name, _complete_lines(file))]
            yield from sorted(batch, key=lambda line: line.time)
            if not batch:
                time.sleep(_POLL_SECONDS)


def render(line: Line) -> str:
    """The line as a person reads it: time, process, then level, event and the rest of a JSON line."""
    start = f"{line.time[:23]:23} {line.process:13}"
    entry = _entry(line.text)
    if entry is None:
        return f"{start} {line.text}"
    rest = " ".join(f"{key}={_short(value)}" for key, value in entry.items() if key not in _SHOWN_ELSEWHERE)
    text = f"{start} {entry.get('level', '')!s:7} {entry.get('event', '')} {rest}".rstrip()
    return f"{text}\n{entry['exception']}" if entry.get("exception") else text


def _lines(process: str, texts: Iterable[str]) -> Iterator[Line]:
    moment = ""
    for text in texts:
        moment = time_of_line(text) or moment
        yield Line(moment, process, text)


def time_of_line(text: str) -> str | None:
    """When the line was written, ISO 8601 in UTC, if it says so."""
    entry = _entry(text)
    if entry is not None:
        stamp = entry.get("timestamp")
        return stamp if isinstance(stamp, str) else None
    for pattern, form in _TIMES:
        if found := pattern.search(text, 0, 60):
            return datetime.strptime(found[0], form).replace(tzinfo=UTC).isoformat(timespec="microseconds")
    return None


def _entry(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _newest_lines(log: Path, count: int) -> list[str]:
    """The last `count` lines of the log; where it is shorter, its earlier parts stand before it."""
    lines = _last_lines(log, count)
    for number in itertools.count(1):
        part = log.with_name(f"{log.name}.{number}")
        if len(lines) >= count or not part.exists():
            break
        lines = _last_lines(part, count - len(lines)) + lines
    return lines


def _last_lines(file: Path, count: int) -> list[str]:
    """The last `count` lines of the file, read from its end."""
    if not file.exists() or count <= 0:
        return []
    with file.open("rb") as opened:
        position = opened.seek(0, 2)
        data = b""
        while position > 0 and data.count(b"\n") <= count:
            step = min(_BLOCK, position)
            position = opened.seek(position - step)
            data = opened.read(step) + data
    return data.decode(errors="replace").splitlines()[-count:]


def _open_at_end(file: Path) -> TextIO:
    opened = file.open(encoding="utf-8", errors="replace")
    opened.seek(0, 2)
    return opened


def _complete_lines(file: TextIO) -> Iterator[str]:
    if file.tell() > os.fstat(file.fileno()).st_size:
        file.seek(0)  # it was cut (`log_rotation.py`)
    while True:
        start = file.tell()
        text = file.readline()
        if not text.endswith("\n"):
            file.seek(start)  # half written: it is whole at the next look
            return
        yield text.rstrip("\n")
