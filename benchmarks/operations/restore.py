"""A lost machine brought back: how long, and whether every row and every clip is there again.

    .venv/bin/python -m benchmarks.operations.restore --json restore.json

It makes an instance of its own, fills it, backs it up, goes on writing, stops it, removes its folder,
restores it, and compares what it wrote, row by row and byte by byte.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter, sleep
from typing import Annotated

import psycopg
import typer
from psycopg import sql
from pyrage import x25519

AT_LEAST_SECONDS, AIM_SECONDS = 600.0, 180.0
DEVICES = 100
EVERY_SECONDS = 5
CLIP_BYTES = 100 * 1024
"""Ten seconds at 16 kHz as FLAC; random bytes, because FLAC does not shrink any more either."""
_COMPARED = ("readings", "clips", "users", "shops", "devices", "machines", "analyses", "alembic_version")
"""Tables that nothing writes to by itself while the benchmark looks."""
LATER_READINGS = 100_000
"""Written after the backup: they come back by way of the log alone."""


@dataclass(frozen=True)
class Result:
    readings: int
    clips: int
    encrypted: bool
    database_mb: float
    backup_mb: float
    backup_seconds: float
    """With its trial in a scratch server."""
    restore_seconds: float
    """From the command to everything ready."""
    rows_missing: int
    tables_that_differ: list[str]
    clips_that_differ: int

    @property
    def verdict(self) -> str:
        if self.rows_missing or self.tables_that_differ or self.clips_that_differ:
            return "failed: not everything is back"
        if self.restore_seconds > AT_LEAST_SECONDS:
            return "failed: too slow"
        return "aim" if self.restore_seconds <= AIM_SECONDS else "at least"


class _Instance:
    """A whole system in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data, self.destination = folder / "data", folder / "backups"
        key = x25519.Identity.generate()
        self.key_file = folder / "key.txt"
        self.key_file.write_text(f"{key}\n")
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            for port in (one, two, three):
                port.bind(("127.0.0.1", 0))
            ports = [str(port.getsockname()[1]) for port in (one, two, three)]
        names = ("SIGNALCRAFT_GATEWAY_PORT", "SIGNALCRAFT_API_PORT", "SIGNALCRAFT_LINK_PORT")
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("SIGNALCRAFT_", "DATABASE_"))},
            **dict(zip(names, ports, strict=True)),
            "SIGNALCRAFT_DATA_DIR": str(self.data),
            "SIGNALCRAFT_BACKUP_URL": self.destination.as_uri(),
            "SIGNALCRAFT_BACKUP_INTERVAL_HOURS": "0",
        }
        self.public_key = str(key.to_public())

    def run(self, *arguments: str) -> float:
        """Seconds that a `signalcraft` command took; it must succeed."""
        began = perf_counter()
        subprocess.run(
            [Path(sys.prefix) / "bin" / "signalcraft", *arguments],
            env=self.environment,
            cwd=self.data.parent,
            check=True,
        )
        return perf_counter() - began

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self._owner_url(), autocommit=True)

    def superuser(self) -> psycopg.Connection:
        port = psycopg.conninfo.conninfo_to_dict(self._owner_url())["port"]
        return psycopg.connect(host=str(self.data / "run"), port=port, user="postgres", autocommit=True)

    def _owner_url(self) -> str:
        text = (self.data / "instance.env").read_text()
        found = re.search(r"^DATABASE_OWNER_URL=(.+)$", text, re.MULTILINE)
        return found[1].replace("+psycopg", "") if found else ""


def _fill(connection: psycopg.Connection, objects: Path, readings: int, clips: int) -> None:
    each = readings // DEVICES
    days = each * EVERY_SECONDS // 86_400 + 1
    connection.execute(
        "SELECT make_readings_day(day)"
        " FROM generate_series(0, %s) n, date((now() AT TIME ZONE 'UTC')::date - n) day"
        " WHERE to_regclass(to_char(day, '\"readings_\"YYYYMMDD')) IS NULL",
        [days + 1],
    )
    _insert_readings(connection, each, 0)
    for _ in range(clips):
        data = secrets.token_bytes(CLIP_BYTES)
        key = f"clips/{secrets.token_hex(1)}/{secrets.token_hex(16)}.flac"
        (objects / key).parent.mkdir(parents=True, exist_ok=True)
        (objects / key).write_bytes(data)
        connection.execute(
            "INSERT INTO clips (source, received_at, object_key, media_type, size_bytes, sha256)"
            " VALUES ('upload', now(), %s, 'audio/flac', %s, %s)",
            [key, len(data), sha256(data).digest()],
        )


def _insert_readings(connection: psycopg.Connection, each: int, shift_ms: int) -> None:
    connection.execute(
        "INSERT INTO readings (device_id, measured_at, received_at, temperature_c, vibration_x, vibration_y,"
        " vibration_z, power_percent, audio_level)"
        " SELECT d, now() - make_interval(secs => %s * n + d * 0.01 - %s * 0.001), now(), -18 + random(),"
        " random(), random(), 1 + random(), 60 + random() * 5, random()"
        " FROM generate_series(1, %s) n, generate_series(1, %s) d",
        [EVERY_SECONDS, shift_ms, each, DEVICES],
    )


def _wait_until_shipped(system: _Instance) -> None:
    """As a machine that is lost six quiet minutes later: the log of the last row has been shipped."""
    with system.superuser() as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    while row and not list(system.destination.glob(f"wal/*/{row[0]}.*")):
        sleep(1)


def _tables(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Rows of each table of `_COMPARED`, and the sum of the digests of all of them."""
    found = {}
    for name in _COMPARED:
        query = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::numeric FROM {} t")
        row = connection.execute(query.format(sql.Identifier(name))).fetchone()
        found[name] = (int(row[0]), int(row[1])) if row else (0, 0)
    return found


def _damaged_clips(connection: psycopg.Connection, objects: Path) -> int:
    rows = connection.execute("SELECT object_key, sha256 FROM clips").fetchall()
    return sum(
        not (objects / key).exists() or sha256((objects / key).read_bytes()).digest() != bytes(digest)
        for key, digest in rows
    )


def measure(folder: Path, readings: int, clips: int, *, encrypted: bool) -> Result:
    """Fill, back up, lose, restore, compare."""
    system = _Instance(folder)
    if encrypted:
        system.environment["SIGNALCRAFT_BACKUP_RECIPIENTS"] = system.public_key
    try:
        system.run("up")
        # As root, the system runs as an account of its own, which must reach what is made here.
        folder.chmod(0o755)
        owner = system.data.stat()
        system.destination.mkdir()
        os.chown(system.destination, owner.st_uid, owner.st_gid)
        with system.connect() as connection:
            _fill(connection, system.data / "objects", readings, clips)
            backup_seconds = system.run("backup")
            _insert_readings(connection, LATER_READINGS // DEVICES, 2)
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            before = _tables(connection)
        _wait_until_shipped(system)
        system.run("down")
        shutil.rmtree(system.data)
        restore_seconds = system.run("restore", "--identity", str(system.key_file))
        with system.connect() as connection:
            after = _tables(connection)
            damaged = _damaged_clips(connection, system.data / "objects")
    finally:
        system.run("down")
    stored = sum(
        file.stat().st_size for file in (system.destination / "backups").rglob("*") if file.is_file()
    )
    return Result(
        readings=after["readings"][0],
        clips=after["clips"][0],
        encrypted=encrypted,
        database_mb=round((size[0] if size else 0) / 1e6, 1),
        backup_mb=round(stored / 1e6, 1),
        backup_seconds=round(backup_seconds, 1),
        restore_seconds=round(restore_seconds, 1),
        rows_missing=sum(max(0, rows - after.get(name, (0, 0))[0]) for name, (rows, _) in before.items()),
        tables_that_differ=sorted(name for name in before if before[name] != after.get(name)),
        clips_that_differ=damaged,
    )


def main(
    readings: Annotated[int, typer.Option(min=DEVICES)] = 10_000_000,
    clips: Annotated[int, typer.Option(min=1)] = 10_000,
    encrypted: Annotated[bool, typer.Option(help="Encrypted with age, or not.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Restore of a lost machine: under 10 minutes, aim 3, not a row missing."""
    with tempfile.TemporaryDirectory(prefix="sc-restore-", dir="/tmp") as folder:
        result = measure(Path(folder), readings, clips, encrypted=encrypted)
    document = {**asdict(result), "verdict": result.verdict}
    print(json.dumps(document, indent=2))
    if json_file:
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if result.verdict.startswith("failed"):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
