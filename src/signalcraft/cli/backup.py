"""`signalcraft backup`, `backups` and `restore`."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.audit import service as audit
from signalcraft.cli.lifecycle import failing_with_a_sentence, progress
from signalcraft.clock import utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.observability.backup_runs import BackupRun
from signalcraft.operations import account, database, instance, lifecycle
from signalcraft.operations.backups import making, restoring
from signalcraft.operations.backups.manifest import Manifest, manifests
from signalcraft.operations.backups.sealing import read_identities
from signalcraft.operations.errors import OperationsError
from signalcraft.settings import data_dir, get_settings

_MEGABYTE = 1024 * 1024


def backup() -> None:
    """Back everything up and try it in a scratch server. / 백업하고, 복원되는지 확인합니다."""
    with failing_with_a_sentence():
        say = progress()
        account.become_owner(data_dir(), say)
        here, began = instance.load(), utc_now()
        try:
            with database.failing_with_a_sentence():
                made = making.make(here, say)
        except OperationsError as error:
            failed = BackupRun(
                kind="backup", started_at=began, finished_at=utc_now(), trusted=False, problem=str(error)
            )
            # Where the database is away, that it is away is what counts.
            with suppress(OperationsError), database.failing_with_a_sentence():
                _record(failed)
            raise
        _record(_run("backup", made, began))
        if not made.trusted:
            raise OperationsError(f"Backup {made.id} is stored, but not trusted: {made.problem}")
        print(
            f"Backup {made.id}: {made.size_bytes / _MEGABYTE:.0f} MB, tried. / 백업했고 복원을 확인했습니다."
        )


def backups() -> None:
    """List the backups, and whether they can be trusted. / 백업 목록입니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        here = instance.load()
        places = making.Places.of(here)
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in (
            "backup / 백업",
            "MB",
            "sound / 소리",
            "encrypted / 암호화",
            "rows / 행",
            "trusted / 신뢰",
        ):
            table.add_column(title)
        for made in manifests(places.destination):
            rows = sum(made.verification.rows.values()) if made.verification else 0
            table.add_row(
                made.id,
                f"{made.size_bytes / _MEGABYTE:.0f}",
                str(made.objects),
                "yes" if made.encrypted else "no",
                f"{rows:,}",
                "yes" if made.trusted else f"[bold red]no[/]: {made.problem or 'never tried'}",
            )
        Console().print(table)
        print(here.settings.backups_url)


def restore(
    to: Annotated[
        str,
        typer.Option(help="Moment, as 2026-11-25T07:30:00+09:00; else as far as the log reaches."),
    ] = "",
    backup: Annotated[str, typer.Option(help="Id of a backup, in place of the newest that fits.")] = "",
    identity: Annotated[Path | None, typer.Option(help="File with the private key of age.")] = None,
    without_log: Annotated[bool, typer.Option(help="Only to the backup's own end.")] = False,
    untrusted: Annotated[
        bool, typer.Option("--untrusted", help="Also a backup that was never tried.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before an instance's data is replaced.")
    ] = False,
) -> None:
    """Bring a backup back, into an empty instance or in place of what this one holds. / 백업을 복원합니다."""
    with failing_with_a_sentence():
        say, began = progress(), time.monotonic()
        # While this account may still be root: the key's file need not be readable for the system's own.
        identities = read_identities(identity) if identity else []
        account.become_owner(data_dir(), say, create=True)
        request = restoring.Request(_moment(to), backup or None, not without_log, untrusted)
        if instance.exists() and not yes:
            typer.confirm(
                f"What {data_dir()} holds now is replaced. / 지금 있는 데이터를 대체합니다. ?", abort=True
            )
        here, started = instance.make(), utc_now()
        with making.alone(here):
            restoring.choose(manifests(making.Places.of(here).destination), request)
            lifecycle.down(here, say)
            used = restoring.restore(here, request, identities, say)
        get_settings.cache_clear()
        here = instance.load()
        lifecycle.up(here, say)
        _record(_run("restore", used, started))
        if here.embeds_postgres:
            making.ship(here)
        print(f"Restored from {used.id} in {time.monotonic() - began:.0f} s. / 복원했습니다.")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OperationsError(f"{text!r} is no time: write it as 2026-11-25T07:30:00+09:00.") from None
    if moment.tzinfo is None:
        raise OperationsError(f"{text!r} names no zone: add one, like +09:00, or Z for UTC.")
    if moment > utc_now():
        raise OperationsError(f"{text!r} has not come yet.")
    return moment.astimezone(UTC)


def _run(kind: str, made: Manifest, began: datetime) -> BackupRun:
    return BackupRun(
        kind=kind,
        backup=made.id,
        started_at=began,
        finished_at=utc_now(),
        size_bytes=made.size_bytes,
        trusted=made.trusted,
        problem=made.problem,
    )


def _record(run: BackupRun) -> None:
    with unit_of_work() as session:
        session.add(run)
        verb = "made" if run.kind == "backup" else "restored"
        audit.record(session, f"backup.{verb}", user_id=None, subject=f"backup:{run.backup}")
    get_engine().dispose()
