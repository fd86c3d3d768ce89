"""Making a backup: copy, store, restore into a scratch server, and only then trust it."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import psycopg

from signalcraft.clock import utc_now
from signalcraft.db.connection import application_url
from signalcraft.operations.backups import database, scratch, secrets_bundle, sound, wal
from signalcraft.operations.backups.destination import Destination
from signalcraft.operations.backups.manifest import File, Manifest, Verification, manifests, surplus
from signalcraft.operations.backups.sealing import Identity, Seal, new_identity
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance

Say = Callable[[str], None]


@dataclass(frozen=True)
class Places:
    """Where everything of an instance's backups is."""

    instance: Instance
    destination: Destination
    store: Destination
    seal: Seal

    @classmethod
    def of(cls, instance: Instance) -> "Places":
        settings = instance.settings
        return cls(
            instance,
            Destination(settings.backups_url),
            Destination(settings.objects_url),
            Seal(settings.backup_recipients),
        )


@contextmanager
def alone(instance: Instance) -> Iterator[None]:
    """One backup or restore at a time.

    Raises
    ------
    OperationsError
        Another one is under way.
    """
    with (instance.data_dir / "backup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperationsError("Another backup or restore of this instance is under way.") from None
        yield


def make(instance: Instance, say: Say) -> Manifest:
    """Back everything up, try it, and remove what is older than kept. The system may run on.

    Raises
    ------
    OperationsError
        Something could not be read or written. What could be written but not restored is no error: the
        manifest says why it is not trusted.
    """
    with alone(instance):
        places = Places.of(instance)
        trial = new_identity()
        manifest = _store(places, trial, say)
        say("Restoring it into a scratch server")
        try:
            verification = verify(places, manifest, [trial])
            manifest = manifest.model_copy(update=_judged(verification))
        except (OperationsError, psycopg.Error) as error:
            manifest = manifest.model_copy(update={"problem": str(error)})
        manifest.save(places.destination)
        if manifest.trusted:
            wal.forget_gap(instance.spool_dir)
            tidy(places)
        return manifest


def _store(places: Places, trial: Identity, say: Say) -> Manifest:
    instance, destination, seal = places.instance, places.destination, places.seal
    began = utc_now()
    name = f"{began:%Y%m%dT%H%M%SZ}"
    start = database.position(instance) if instance.embeds_postgres else None
    say("Copying sound")
    sound.copy_new(places.store, destination, seal)
    say("Storing the database")
    stored = database.store(instance, destination, f"backups/{name}/database{seal.suffix()}", seal, [trial])
    # A clip's sound is stored before its row: whatever the database names is there now.
    kept = sound.copy_new(places.store, destination, seal)
    bundle = f"backups/{name}/settings{seal.suffix()}"
    with destination.writing(bundle) as sink:
        sink.write(seal.write_bytes(secrets_bundle.pack(instance)))
    total = sink.sum()
    if start:
        wal.ship(destination, instance.spool_dir, start.system, seal)
    return Manifest(
        id=name,
        started_at=began,
        finished_at=utc_now(),
        release=version("signalcraft"),
        method="cluster" if start else "dump",
        encrypted=seal.encrypts,
        database=stored,
        settings=File(name=bundle, size=total.size, sha256=total.sha256),
        objects=len(kept.keys),
        objects_bytes=kept.bytes,
        system=start.system if start else None,
        first_segment=start.segment if start else None,
    )


def verify(places: Places, manifest: Manifest, identities: list[Identity]) -> Verification:
    """Restore the stored database into a scratch server and read every row.

    An encrypted backup was, for this once, encrypted to a key too that only this process knows: what is read
    here is what is stored.

    Raises
    ------
    OperationsError
        It does not open, or no server comes up from it.
    """
    began = time.monotonic()
    folder = places.instance.data_dir / "scratch"
    database.remove(folder)
    try:
        if manifest.method == "cluster":
            database.unpack(places.destination, manifest.database, folder, identities)
            database.verify_files(folder)
        else:
            database.initialise(folder)
        with scratch.server(folder, lasting=False) as connection:
            if manifest.method == "dump":
                connection.execute("CREATE DATABASE trial TEMPLATE template0")
                target = f"host={connection.info.host} port={connection.info.port} user=postgres dbname=trial"
                database.load(places.destination, manifest.database, target, identities)
            return _look(connection, places, manifest, time.monotonic() - began)
    finally:
        database.remove(folder)


def _look(connection: psycopg.Connection, places: Places, manifest: Manifest, seconds: float) -> Verification:
    info = connection.info
    name = "trial" if manifest.method == "dump" else application_url(places.instance.settings).database
    with psycopg.connect(
        host=info.host, port=info.port, user=info.user, dbname=name, autocommit=True
    ) as inside:
        revision = inside.execute("SELECT version_num FROM alembic_version").fetchone()
        rows = scratch.rows_by_table(inside)
        named = {str(key) for (key,) in inside.execute("SELECT object_key FROM clips")}
    kept = sound.keys(places.destination)
    return Verification(
        at=utc_now(),
        seconds=round(seconds, 1),
        schema_revision=revision[0] if revision else "",
        rows=rows,
        clips_without_sound=len(named - kept),
    )


def _judged(found: Verification) -> dict[str, object]:
    missing = found.clips_without_sound
    problem = f"The sound of {missing} clips is not in the backup." if missing else None
    return {"verification": found, "problem": problem}


def tidy(places: Places) -> None:
    """Remove backups, sound and log that are older than kept."""
    days, now = places.instance.settings.backup_keep_days, utc_now()
    known = manifests(places.destination)
    going = surplus(known, now, days)
    for backup in going:
        files = [stored.name for stored in places.destination.files(f"backups/{backup.id}")]
        # The manifest goes first: what has none is no backup.
        places.destination.delete(sorted(files, key=lambda file: not file.endswith("manifest.json")))
    kept = [backup for backup in known if backup not in going]
    for system in {backup.system for backup in kept if backup.system}:
        first = [b.first_segment for b in kept if b.system == system and b.first_segment]
        wal.prune(places.destination, system, min(first, key=lambda segment: segment[8:]))
    sound.prune(places.store, places.destination, now, days)


def ship(instance: Instance) -> int:
    """Ship what PostgreSQL has handed over of its log, and new sound; the number of files of the log."""
    places = Places.of(instance)
    sound.copy_new(places.store, places.destination, places.seal)
    system = database.position(instance).system
    return wal.ship(places.destination, instance.spool_dir, system, places.seal)
