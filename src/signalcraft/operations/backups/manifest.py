"""What is known of one backup: a JSON document beside its files, readable without a key."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from signalcraft.operations.backups.destination import Destination

Method = Literal["cluster", "dump"]


class File(BaseModel):
    """One stored file: its bytes as they are stored."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str


class Verification(BaseModel):
    """What a scratch server found in the restored database."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    seconds: float
    schema_revision: str
    rows: dict[str, int]
    """Rows by table, each of them read."""
    clips_without_sound: int
    """Clips of the database whose sound is not in the backup; more than 0 is never trusted."""


class Manifest(BaseModel):
    """A backup. It is trusted only if it was restored once."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Time of its start, as in 20261125T070000Z: ids sort by age."""
    started_at: datetime
    finished_at: datetime
    release: str
    method: Method
    encrypted: bool
    database: File
    settings: File
    objects: int
    """Sound and firmware images at the destination when it was made."""
    objects_bytes: int
    system: str | None = None
    """Identifier of the cluster, under which its write-ahead log is archived."""
    first_segment: str | None = None
    """The first file of that log which a restore may need."""
    verification: Verification | None = None
    problem: str | None = None
    """Why it is not trusted."""

    @property
    def trusted(self) -> bool:
        return self.verification is not None and self.problem is None

    @property
    def size_bytes(self) -> int:
        return self.database.size + self.settings.size

    def save(self, destination: Destination) -> None:
        destination.put(_name(self.id), self.model_dump_json(indent=2).encode())


def _name(backup_id: str) -> str:
    return f"backups/{backup_id}/manifest.json"


def manifests(destination: Destination) -> list[Manifest]:
    """Every backup there, oldest first."""
    names = [stored.name for stored in destination.files("backups") if stored.name.endswith("/manifest.json")]
    return [Manifest.model_validate_json(destination.get(name)) for name in names]


def surplus(backups: list[Manifest], now: datetime, keep_days: int) -> list[Manifest]:
    """Which backups go: older than `keep_days`, but never one of the three newest trusted ones.

    One that is not trusted stays for two days, for whoever wants to know why.
    """
    trusted = [backup for backup in backups if backup.trusted]
    kept = {backup.id for backup in trusted[-_ALWAYS:]}
    going = []
    for backup in backups:
        days = keep_days if backup.trusted else _DOUBTFUL_DAYS
        if backup.id not in kept and now - backup.started_at > timedelta(days=days):
            going.append(backup)
    return going


_ALWAYS = 3
_DOUBTFUL_DAYS = 2
