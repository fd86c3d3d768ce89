"""Bringing a backup back: into an empty instance, or in place of what one holds."""

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signalcraft.clock import utc_now
from signalcraft.operations.backups import database, scratch, secrets_bundle, sound, wal
from signalcraft.operations.backups.making import Places, Say
from signalcraft.operations.backups.manifest import Manifest, manifests
from signalcraft.operations.backups.sealing import Identity, open_bytes
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.postgres import Postgres

_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True)
class Request:
    """What the operator asks for."""

    to: datetime | None = None
    """The moment to restore to; None: as far as the log reaches."""
    backup: str | None = None
    """An id, in place of the newest trusted one that ended before `to`."""
    with_log: bool = True
    """Whether the log is replayed on top of the backup."""
    untrusted: bool = False
    """Whether a backup may be used that was never restored."""


def choose(backups: list[Manifest], request: Request) -> Manifest:
    """The backup that a restore begins with.

    Raises
    ------
    OperationsError
        There is none that fits.
    """
    fitting = [
        backup
        for backup in backups
        if (backup.trusted or request.untrusted)
        and (request.to is None or backup.finished_at <= request.to)
        and (request.backup is None or backup.id == request.backup)
    ]
    if not fitting:
        raise OperationsError(
            "There is no trusted backup that fits. `signalcraft backups` lists what there is; one that was"
            " never restored is taken with --untrusted."
        )
    if request.to and fitting[-1].method == "dump":
        raise OperationsError(
            "This backup is a dump: it leads to its own moment only. For a point in time ask the provider"
            " of the database."
        )
    return fitting[-1]


def restore(instance: Instance, request: Request, identities: list[Identity], say: Say) -> Manifest:
    """Bring everything back. Nothing of the instance runs meanwhile; the caller starts it afterwards.

    The embedded server's former cluster stays beside the new one, as `postgres.before-…`.

    Raises
    ------
    OperationsError
        No backup fits, a file of it is damaged or does not open, or PostgreSQL cannot reach the time.
    """
    places = Places.of(instance)
    chosen = choose(manifests(places.destination), request)
    if (chosen.method == "cluster") != instance.embeds_postgres:
        raise OperationsError(
            f"Backup {chosen.id} is a {chosen.method}, which fits "
            + ("only the embedded server." if chosen.method == "cluster" else "only a server of your own.")
        )
    say(f"Restoring backup {chosen.id}")
    bundle = places.destination.get(chosen.settings.name)
    settings = open_bytes(bundle, encrypted=chosen.encrypted, identities=identities)
    if chosen.method == "cluster":
        _restore_cluster(places, chosen, request, identities, say)
    else:
        database.load_outside(instance.settings, places.destination, chosen.database, identities)
    say("Bringing sound back")
    number = sound.bring_back(places.store, places.destination, identities)
    say(f"{number} files of sound were missing here and are back")
    former = secrets_bundle.take_over(settings, instance)
    if former:
        say(f"The .env of that time lies in {former}: copy from it what you want")
    return chosen


def _restore_cluster(
    places: Places, chosen: Manifest, request: Request, identities: list[Identity], say: Say
) -> None:
    instance = places.instance
    cluster = instance.postgres_dir
    coming, log = cluster.with_suffix(".restoring"), instance.data_dir / "wal-restore"
    for folder in (coming, log):
        database.remove(folder)
    try:
        database.unpack(places.destination, chosen.database, coming, identities)
        Postgres(instance).configure(coming)
        if request.with_log and chosen.system and chosen.first_segment:
            _gather_log(places, chosen.system, chosen.first_segment, log, identities)
            timeline = (
                str(wal.timeline_at(places.destination, chosen.system, request.to))
                if request.to
                else "latest"
            )
            (coming / "recovery.signal").touch()
            (coming / "postgresql.auto.conf").write_text(_recovery(log, request.to, timeline))
        say("PostgreSQL recovers")
        with scratch.server(coming, lasting=True):
            pass
        (coming / "postgresql.auto.conf").write_text("")
        if cluster.exists():
            former = cluster.with_name(f"postgres.before-{utc_now():%Y%m%dT%H%M%SZ}")
            cluster.rename(former)
            say(f"The former database lies in {former}: remove it when all is well")
        coming.rename(cluster)
    finally:
        database.remove(coming)
        database.remove(log)


def _gather_log(places: Places, system: str, first: str, log: Path, identities: list[Identity]) -> None:
    """The archived log, and what this machine's own server has not handed over yet, if it is the same one."""
    present = places.instance.postgres_dir
    wal.fetch(places.destination, system, first, log, identities)
    if (present / "PG_VERSION").exists() and database.system_of(present) == system:
        for folder in (places.instance.spool_dir, present / "pg_wal"):
            for file in folder.iterdir():
                wanted = _SEGMENT.fullmatch(file.name) or file.suffix == ".history"
                if wanted and not (log / file.name).exists() and file.name[8:24] >= first[8:]:
                    shutil.copyfile(file, log / file.name)
    wal.check_complete(log, first)


def _recovery(log: Path, to: datetime | None, timeline: str) -> str:
    lines = [
        f'restore_command = \'cp "{log}/%f" "%p"\'',
        f"recovery_target_timeline = '{timeline}'",
        "recovery_target_action = 'promote'",
    ]
    if to:
        lines.append(f"recovery_target_time = '{to.isoformat()}'")
    return "\n".join(lines) + "\n"
