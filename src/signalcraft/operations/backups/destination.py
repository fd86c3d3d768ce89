"""Where backups go: a folder, or a bucket of S3. What is written is whole or absent."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from signalcraft.operations.errors import OperationsError

_CHUNK = 8 * 1024 * 1024
"""Bytes of one part: S3 allows 10,000 of them, so 80 GB of database."""


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


class Source(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Stored:
    """One file of the destination."""

    name: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Sum:
    """What was written or read: bytes, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Summing:
    """Passes bytes on, and knows their number and digest."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._digest = sha256()
        self._size = 0

    def write(self, data: bytes, /) -> int:
        self._digest.update(data)
        self._size += len(data)
        self._sink.write(data)
        return len(data)

    def flush(self) -> None:
        """The destination flushes when it is closed."""

    def sum(self) -> Sum:
        return Sum(self._size, self._digest.hexdigest())


class Reading:
    """A stored file as bytes, with the digest of what was read so far."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._digest = sha256()
        self._size = 0

    def read(self, size: int = -1, /) -> bytes:
        data = bytes(self._reader.read(size if size >= 0 else None))
        self._digest.update(data)
        self._size += len(data)
        return data

    def sum(self) -> Sum:
        return Sum(self._size, self._digest.hexdigest())


class Destination:
    """A folder (`file:///…`) or a bucket (`s3://bucket/prefix`, credentials in the environment)."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        """The folder, if it is one."""
        with self._answering():
            if self.folder is not None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = from_url(url)

    def free_bytes(self) -> int | None:
        """Room left where it is a folder; nobody knows of a bucket."""
        return shutil.disk_usage(self.folder).free if self.folder is not None else None

    @contextmanager
    def writing(self, name: str) -> Iterator[Summing]:
        """Write a file of any size; it appears, and survives a power cut, once the block has ended well."""
        with self._answering():
            writer = obstore.open_writer(self._store, name, buffer_size=_CHUNK)
            summing = Summing(writer)
            yield summing
            writer.close()
            self._flush(name)

    @contextmanager
    def reading(self, name: str) -> Iterator[Reading]:
        with self._answering():
            yield Reading(obstore.open_reader(self._store, name, buffer_size=_CHUNK))

    def put(self, name: str, data: bytes) -> None:
        with self._answering():
            obstore.put(self._store, name, data)
            self._flush(name)

    def get(self, name: str) -> bytes:
        with self._answering():
            return bytes(obstore.get(self._store, name).bytes())

    def put_json(self, name: str, document: object) -> None:
        self.put(name, json.dumps(document, indent=2, ensure_ascii=False).encode())

    def get_json(self, name: str) -> Any:
        """The document, or None if there is none."""
        try:
            return json.loads(obstore.get(self._store, name).bytes().to_bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    def files(self, prefix: str) -> list[Stored]:
        """Every file below the folder `prefix`, by name."""
        with self._answering():
            found = [
                Stored(entry["path"], entry["size"], entry["last_modified"])
                for batch in obstore.list(self._store, prefix)
                for entry in batch
            ]
        return sorted(found, key=lambda stored: stored.name)

    def delete(self, names: list[str]) -> None:
        if names:
            with self._answering():
                obstore.delete(self._store, names)

    def _flush(self, name: str) -> None:
        if self.folder is None:
            return  # a bucket keeps what it has acknowledged
        for path in (self.folder / name, (self.folder / name).parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> OperationsError:
        reason = str(error).strip().splitlines()[0]
        return OperationsError(
            f"The place of the backups, {self.url}, cannot be used: {reason}. Is SIGNALCRAFT_BACKUP_URL"
            " right, may this account write there, and is there room?"
        )


def copy(source: Source, sink: Sink | BinaryIO) -> None:
    """Everything of the source into the sink."""
    while data := source.read(1024 * 1024):
        sink.write(data)
