"""What is wrong with the backups of an instance, in the order of weight; for the doctor and the monitor."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg

from signalcraft.clock import utc_now
from signalcraft.operations.backups import wal
from signalcraft.operations.backups.destination import Destination
from signalcraft.operations.backups.manifest import manifests
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.postgres import Postgres

LATE_FACTOR = 1.5
"""Intervals without a trusted backup before somebody is told: a failed one was tried again by then."""


@dataclass(frozen=True)
class Concern:
    """Something that a restore would suffer from."""

    weight: Literal["danger", "advice"]
    setting: str
    en: str
    ko: str


def last_trusted(destination: Destination) -> datetime | None:
    """When the newest backup that was restored once was begun."""
    return max((backup.started_at for backup in manifests(destination) if backup.trusted), default=None)


def concerns(instance: Instance) -> Iterator[Concern]:
    """Everything that is found."""
    settings = instance.settings
    try:
        destination = Destination(settings.backups_url)
        newest = last_trusted(destination)
    except OperationsError as error:
        yield Concern(
            "danger",
            "SIGNALCRAFT_BACKUP_URL",
            str(error),
            "백업을 둘 곳을 쓸 수 없습니다. 주소와 권한과 남은 공간을 확인하세요.",
        )
        return
    late = timedelta(hours=(settings.backup_interval_hours or 24.0) * LATE_FACTOR)
    # A new instance has until then for its first one.
    made = datetime.fromtimestamp(settings.instance_file.stat().st_ctime, UTC)
    if utc_now() - (newest or made) > late:
        yield Concern(
            "danger",
            "backups",
            "There is no trusted backup that is young enough. Run `signalcraft backup`, read what it says.",
            "믿을 수 있는 최근 백업이 없습니다. `signalcraft backup`을 실행하세요.",
        )
    if not settings.backup_url:
        yield Concern(
            "advice",
            "SIGNALCRAFT_BACKUP_URL",
            "Backups lie in the data folder and are lost with its disk. Name a folder elsewhere or a bucket.",
            "백업이 데이터 폴더 안에 있어 디스크와 함께 사라집니다. 다른 곳을 지정하세요.",
        )
    elif not settings.backup_recipients:
        yield Concern(
            "advice",
            "SIGNALCRAFT_BACKUP_RECIPIENTS",
            "Backups hold every key and are not encrypted. Name a public key of age (docs/backups.md).",
            "백업에 모든 키가 들어 있는데 암호화되지 않습니다. age 공개 키를 지정하세요.",
        )
    if instance.embeds_postgres:
        yield from _of_the_log(instance)


def _of_the_log(instance: Instance) -> Iterator[Concern]:
    spool = wal.look(instance.spool_dir)
    if spool.given_up:
        yield Concern(
            "danger",
            "wal-spool",
            f"{spool.given_up} files of the database's log were given up, as nobody shipped them: a restore"
            " reaches only to before them until the next backup. Run `signalcraft backup`.",
            "데이터베이스 로그 일부를 보관하지 못했습니다. `signalcraft backup`을 실행하세요.",
        )
    elif spool.bytes > instance.settings.backup_log_limit_bytes // 2:
        yield Concern(
            "danger",
            "wal-spool",
            "The database's log is not shipped and fills half of its room. See `signalcraft logs backups`.",
            "보내지 못한 로그가 많습니다. `signalcraft logs backups`를 보세요.",
        )
    try:
        with Postgres(instance).connect() as connection:
            row = connection.execute(
                "SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver"
            ).fetchone()
    except psycopg.OperationalError:
        return  # that it does not answer is said elsewhere
    if row and row[0]:
        yield Concern(
            "danger",
            "wal-spool",
            "PostgreSQL cannot hand over its log and keeps it in pg_wal. See `signalcraft logs postgres`.",
            "PostgreSQL이 로그를 넘기지 못합니다. `signalcraft logs postgres`를 보세요.",
        )
