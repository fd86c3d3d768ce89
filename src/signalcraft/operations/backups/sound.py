"""Sound and firmware images: their bytes never change, so each is copied once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from signalcraft.operations.backups.destination import Destination
from signalcraft.operations.backups.sealing import Identity, Seal, open_bytes

_FOLDER = "objects/"
_GONE = "objects-gone.json"
_THREADS = 8
"""They wait for the disk or the network, hardly ever for a core."""


@dataclass(frozen=True)
class Kept:
    """What the destination holds."""

    keys: frozenset[str]
    bytes: int


def keys(destination: Destination) -> set[str]:
    """Keys whose bytes are there."""
    return {_key(stored.name) for stored in destination.files(_FOLDER)}


def copy_new(store: Destination, destination: Destination, seal: Seal) -> Kept:
    """Copy what the destination does not have yet."""
    there = {_key(stored.name): stored.size for stored in destination.files(_FOLDER)}
    missing = [stored.name for stored in store.files("") if stored.name not in there]

    def one(key: str) -> tuple[str, int]:
        sealed = seal.write_bytes(store.get(key))
        destination.put(f"{_FOLDER}{key}{seal.suffix()}", sealed)
        return key, len(sealed)

    with ThreadPoolExecutor(_THREADS) as pool:
        there |= dict(pool.map(one, missing))
    return Kept(frozenset(there), sum(there.values()))


def bring_back(store: Destination, destination: Destination, identities: Sequence[Identity]) -> int:
    """Put back what the store does not have; the number."""
    present = {stored.name for stored in store.files("")}
    missing = [s.name for s in destination.files(_FOLDER) if _key(s.name) not in present]

    def one(name: str) -> None:
        sealed = destination.get(name)
        store.put(_key(name), open_bytes(sealed, encrypted=name.endswith(".age"), identities=identities))

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(one, missing))
    return len(missing)


def prune(store: Destination, destination: Destination, now: datetime, keep_days: int) -> int:
    """Remove what the store has not had any more for `keep_days`; the number.

    Until then every kept backup finds its sound, though the database has forgotten it since.
    """
    present = {stored.name for stored in store.files("")}
    names = {_key(stored.name): stored.name for stored in destination.files(_FOLDER)}
    known = destination.get_json(_GONE) or {}
    gone = {key: known.get(key, now.isoformat()) for key in names.keys() - present}
    due = [k for k, since in gone.items() if now - datetime.fromisoformat(since) > timedelta(days=keep_days)]
    destination.delete([names[key] for key in due])
    destination.put_json(_GONE, {key: since for key, since in gone.items() if key not in due})
    return len(due)


def _key(name: str) -> str:
    return name.removeprefix(_FOLDER).removesuffix(".age").removesuffix(".zst")
