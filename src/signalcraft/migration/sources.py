"""The old files: which there are, and how they are opened without changing a byte of them."""

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from signalcraft.migration.errors import MigrationError, UnreadableFileError

SUFFIXES = frozenset({".db", ".sqlite", ".sqlite3"})
HEADER = b"SQLite format 3\x00"
_COMPANIONS = ("-journal", "-wal", "-shm")
_ENCRYPTED_BITS_PER_BYTE = 7.0
"""A random 4 KiB page has 7.95 bits a byte, text and machine code less than 6.5."""


def databases(folder: Path) -> list[Path]:
    """Database files under the folder, by path.

    Raises
    ------
    MigrationError
        There is no such folder.
    """
    if not folder.is_dir():
        raise MigrationError(f"There is no folder {folder}.")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def companions(path: Path) -> list[Path]:
    """The journal, WAL and shared memory file beside a database, those that are there."""
    return [other for suffix in _COMPANIONS if (other := path.with_name(path.name + suffix)).exists()]


def check_header(path: Path) -> None:
    """Refuse what cannot be an SQLite database.

    Raises
    ------
    UnreadableFileError
        The file is empty, shorter than its header says, encrypted, or something else.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise UnreadableFileError("empty", "the file has no bytes")
    if not head.startswith(HEADER):
        if len(head) >= 1024 and _entropy(head) > _ENCRYPTED_BITS_PER_BYTE:
            raise UnreadableFileError("encrypted", "the file is encrypted, or compressed: no SQLite header")
        raise UnreadableFileError("not_sqlite", "the file is not an SQLite database: no SQLite header")
    if len(head) < 100 or size < _page_size(head):
        raise UnreadableFileError("truncated", f"the file ends after {size} bytes, within its first page")


def missing_bytes(path: Path) -> int:
    """How many bytes the header promises that the file has not (a file that was cut off)."""
    with path.open("rb") as file:
        head = file.read(100)
    pages, counter, valid_for = (int.from_bytes(head[at : at + 4], "big") for at in (28, 24, 92))
    if counter != valid_for:  # an old writer did not keep the number of pages
        return 0
    return max(0, pages * _page_size(head) - path.stat().st_size)


@contextmanager
def opened(path: Path, *, immutable: bool = False) -> Iterator[sqlite3.Connection]:
    """A read-only connection that gives TEXT as `bytearray` and BLOB as `bytes`: as they are, and told apart.

    `immutable` is for our own copies: no locks are taken and none are looked for.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if immutable else ''}"
    with closing(sqlite3.connect(uri, uri=True, timeout=0.2, isolation_level=None)) as connection:
        connection.text_factory = bytearray
        yield connection


def identifier(name: str) -> str:
    """A quoted name for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def _page_size(head: bytes) -> int:
    size = int.from_bytes(head[16:18], "big")
    return 65536 if size == 1 else size


def _entropy(data: bytes) -> float:
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())
