"""Running beside the old server until the switch: passes that bring what is new, and a last look."""

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from signalcraft.migration import sources
from signalcraft.migration.backup import LOCK_WAIT_SECONDS, Backup, copy_file
from signalcraft.migration.errors import UnreadableFileError
from signalcraft.migration.run import Options

_FOLLOW = "follow"


def next_pass(options: Options, now: datetime) -> Options:
    """Options of the following pass: only what is new. Of the copies between the first backup and the last
    one only the newest is kept."""
    parent = options.target.parent
    if options.target.name.startswith(_FOLLOW):
        shutil.rmtree(options.target, ignore_errors=True)
    return replace(
        options, target=parent / f"{_FOLLOW}-{now:%Y%m%dT%H%M%SZ}", verify_all=False, tail_only=True
    )


def written_since(folder: Path, backup: Backup) -> list[str]:
    """Old files whose content is another than when this backup was made."""
    changed = []
    for copy in backup.copies:
        path, earlier = folder / copy.source, backup.path_of(copy)
        if not path.exists() or not (_same(path, earlier) or _same_again(path, earlier)):
            changed.append(copy.source)
    return changed


def _same(path: Path, copy: Path) -> bool:
    """Whether a file and its copy hold the same pages.

    In the first page SQLite counts its writes and schema changes (bytes 24 to 27, 40 to 43 and 92 to 99) and
    notes the journal's kind (18, 19); a copy has numbers of its own.
    """
    if sources.companions(path) or path.stat().st_size != copy.stat().st_size:
        return False
    with path.open("rb") as one, copy.open("rb") as other:
        if _content(one.read(100)) != _content(other.read(100)):
            return False
        while block := one.read(1 << 20):
            if block != other.read(1 << 20):
                return False
    return True


def _same_again(path: Path, copy: Path) -> bool:
    """The same asked of another copy: beside a file may lie a WAL that holds its newest pages."""
    with TemporaryDirectory(dir=copy.parent) as folder:
        again = Path(folder) / copy.name
        try:
            copy_file(path, again, LOCK_WAIT_SECONDS)
        except UnreadableFileError:
            return False
        return _same(again, copy)


def _content(header: bytes) -> bytes:
    return header[:18] + header[20:24] + header[28:40] + header[44:92]
