"""Keep and fetch sound by key, in a local folder or a bucket: the same calls for both."""

from functools import lru_cache

import obstore
from obstore.store import ObjectStore, from_url

from signalcraft.errors import NotFoundError
from signalcraft.settings import get_settings


@lru_cache(maxsize=1)
def _store() -> ObjectStore:
    url = get_settings().objects_url
    if url.startswith("file://"):
        return from_url(url, mkdir=True)
    return from_url(url)


def put(key: str, data: bytes) -> None:
    """Store the bytes under the key; they are there as a whole or not at all."""
    obstore.put(_store(), key, data)


def get(key: str) -> bytes:
    """The bytes under the key.

    Raises
    ------
    NotFoundError
        Nothing is stored under it.
    """
    try:
        return obstore.get(_store(), key).bytes().to_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("The sound is not in the store any more.") from error


def get_range(key: str, start: int, length: int) -> bytes:
    """`length` bytes from `start` on.

    Raises
    ------
    NotFoundError
        Nothing is stored under the key.
    """
    try:
        return obstore.get_range(_store(), key, start=start, length=length).to_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("The sound is not in the store any more.") from error


def delete(key: str) -> None:
    """Remove the bytes under the key, if there are any."""
    try:
        obstore.delete(_store(), key)
    except FileNotFoundError:
        return


def keys_under(prefix: str) -> list[str]:
    """Every key that begins with the folder `prefix`."""
    return [entry["path"] for batch in obstore.list(_store(), prefix) for entry in batch]
