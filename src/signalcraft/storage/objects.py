"""Keep and fetch sound by key, in a local folder or a bucket: the same calls for both."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from signalcraft.errors import NotFoundError, UnavailableError
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)


@lru_cache(maxsize=1)
def _store() -> ObjectStore:
    if _local_folder() is not None:
        return from_url(get_settings().objects_url, mkdir=True)
    return from_url(get_settings().objects_url)


@lru_cache(maxsize=1)
def _local_folder() -> Path | None:
    url = urlsplit(get_settings().objects_url)
    return Path(unquote(url.path)) if url.scheme == "file" else None


def put(key: str, data: bytes) -> None:
    """Store the bytes under the key, as a whole or not at all; they survive a power cut from then on.

    Raises
    ------
    UnavailableError
        The store does not answer, or has no room.
    """
    with _answering():
        obstore.put(_store(), key, data)
        folder = _local_folder()
        if folder is not None:
            # A bucket keeps what it has acknowledged; a file may still be in the system's memory.
            _flush(folder / key)
            _flush((folder / key).parent)


def get(key: str) -> bytes:
    """The bytes under the key.

    Raises
    ------
    NotFoundError
        Nothing is stored under it.
    UnavailableError
        The store does not answer.
    """
    with _answering():
        return obstore.get(_store(), key).bytes().to_bytes()


def get_range(key: str, start: int, length: int) -> bytes:
    """`length` bytes from `start` on.

    Raises
    ------
    NotFoundError
        Nothing is stored under the key.
    UnavailableError
        The store does not answer.
    """
    with _answering():
        return obstore.get_range(_store(), key, start=start, length=length).to_bytes()


def delete(key: str) -> None:
    """Remove the bytes under the key, if there are any."""
    try:
        obstore.delete(_store(), key)
    except FileNotFoundError:
        return


@contextmanager
def _answering() -> Iterator[None]:
    """What the store cannot do, as an error of ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("The sound is not in the store any more.") from error
    except (BaseError, OSError) as error:
        log.error("object_store_failed", reason=type(error).__name__)
        raise UnavailableError("The store of sound does not answer. Please send it again.") from error


def _flush(path: Path) -> None:
    """Wait until the disk has the file, or the folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keys_under(prefix: str) -> list[str]:
    """Every key that begins with the folder `prefix`."""
    return [entry["path"] for batch in obstore.list(_store(), prefix) for entry in batch]
