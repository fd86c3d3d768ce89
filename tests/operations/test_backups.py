"""Backups: what is stored comes back, to the moment that was asked for, and nothing else is trusted."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.operations.backups import sealing, sound, wal
from signalcraft.operations.backups.destination import Destination
from signalcraft.operations.backups.manifest import File, Manifest, Verification, surplus
from signalcraft.operations.backups.restoring import Request, choose
from signalcraft.operations.backups.sealing import Seal
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.postgres import ARCHIVER
from system_instance import SystemInstance, system_instance

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
KEY = sealing.new_identity()
LOCKED = Seal((str(KEY.to_public()),))
OPEN = Seal(())
SEGMENT = "0000000100000000000000"


def _backup(days_old: float, *, trusted: bool = True) -> Manifest:
    began = NOW - timedelta(days=days_old)
    file = File(name="database.zst", size=1, sha256="00")
    tried = Verification(at=began, seconds=1.0, schema_revision="0015", rows={}, clips_without_sound=0)
    return Manifest(
        id=f"{began:%Y%m%dT%H%M%SZ}",
        started_at=began,
        finished_at=began + timedelta(minutes=1),
        release="0.1.0",
        method="cluster",
        encrypted=False,
        database=file,
        settings=file,
        objects=0,
        objects_bytes=0,
        verification=tried if trusted else None,
    )


def _destination(folder: Path) -> Destination:
    return Destination(folder.as_uri())


@given(data=st.binary(max_size=10_000), locked=st.booleans())
def test_what_is_sealed_opens_to_the_same_bytes(data: bytes, locked: bool) -> None:
    sealed = (LOCKED if locked else OPEN).write_bytes(data)
    assert sealing.open_bytes(sealed, encrypted=locked, identities=[KEY]) == data


def test_nobody_else_opens_what_is_encrypted() -> None:
    sealed = LOCKED.write_bytes(b"a clip" * 1000)
    with pytest.raises(OperationsError, match="right key"):
        sealing.open_bytes(sealed, encrypted=True, identities=[sealing.new_identity()])
    with pytest.raises(OperationsError, match="--identity"):
        sealing.open_bytes(sealed, encrypted=True, identities=[])


@pytest.mark.parametrize("seal", [OPEN, LOCKED], ids=["open", "encrypted"])
def test_a_damaged_or_shortened_file_does_not_open(seal: Seal) -> None:
    sealed = seal.write_bytes(b"a clip" * 1000)
    damaged = bytes([*sealed[:-3], sealed[-3] ^ 1, *sealed[-2:]])
    for data in (damaged, sealed[:-5]):
        with pytest.raises(OperationsError, match="does not open"):
            sealing.open_bytes(data, encrypted=seal.encrypts, identities=[KEY])


def test_a_file_that_is_not_written_to_its_end_is_not_there(tmp_path: Path) -> None:
    destination = _destination(tmp_path)

    def interrupted() -> None:
        with destination.writing("backups/one/database.zst") as sink:
            sink.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert destination.files("backups") == []


def test_sound_is_copied_once_and_comes_back(tmp_path: Path) -> None:
    store, destination = _destination(tmp_path / "objects"), _destination(tmp_path / "backups")
    store.put("clips/1.flac", b"one")
    sound.copy_new(store, destination, LOCKED)
    first = destination.files("objects/")
    store.put("clips/2.flac", b"two")
    assert len(sound.copy_new(store, destination, LOCKED).keys) == 2
    assert destination.files("objects/")[0] == first[0]
    empty = _destination(tmp_path / "new")
    assert sound.bring_back(empty, destination, [KEY]) == 2
    assert (empty.get("clips/1.flac"), empty.get("clips/2.flac")) == (b"one", b"two")


def test_sound_stays_until_no_kept_backup_can_name_it(tmp_path: Path) -> None:
    store, destination = _destination(tmp_path / "objects"), _destination(tmp_path / "backups")
    store.put("clips/1.flac", b"one")
    sound.copy_new(store, destination, OPEN)
    store.delete(["clips/1.flac"])
    assert sound.prune(store, destination, NOW, keep_days=14) == 0
    assert sound.prune(store, destination, NOW + timedelta(days=13), keep_days=14) == 0
    assert sound.prune(store, destination, NOW + timedelta(days=15), keep_days=14) == 1
    assert sound.keys(destination) == set()


def test_old_backups_go_but_three_trusted_ones_stay() -> None:
    backups = [_backup(days) for days in (40, 30, 20, 16)]
    assert surplus(backups, NOW, keep_days=14) == backups[:1]
    doubtful = [_backup(3, trusted=False), _backup(1, trusted=False)]
    assert surplus([*backups[1:], *doubtful], NOW, keep_days=14) == doubtful[:1]


def test_only_a_trusted_backup_before_the_moment_is_restored() -> None:
    old, newer, untried = _backup(3), _backup(2), _backup(1, trusted=False)
    assert choose([old, newer, untried], Request()) == newer
    assert choose([old, newer, untried], Request(untrusted=True)) == untried
    assert choose([old, newer, untried], Request(to=NOW - timedelta(days=2.5))) == old
    with pytest.raises(OperationsError, match="no trusted backup"):
        choose([untried], Request())


def _archive(path: Path, spool: Path, limit_kib: int) -> int:
    return subprocess.run(["sh", ARCHIVER, path, path.name, spool, str(limit_kib)], check=False).returncode


def test_the_log_is_given_up_before_it_fills_the_disk(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    for last in ("01", "02", "03"):
        segment = tmp_path / f"{SEGMENT}{last}"
        segment.write_bytes(np.random.default_rng(1).bytes(512 * 1024))
        assert _archive(segment, spool, limit_kib=1000) == 0
    found = wal.look(spool)
    assert (found.files, found.given_up) == (2, 1)
    assert found.bytes <= 1200 * 1024


def test_a_segment_is_never_replaced_by_another_of_its_name(tmp_path: Path) -> None:
    spool, segment = tmp_path / "spool", tmp_path / f"{SEGMENT}01"
    spool.mkdir()
    segment.write_bytes(b"one")
    assert [_archive(segment, spool, 1000), _archive(segment, spool, 1000)] == [0, 0]
    segment.write_bytes(b"two")
    assert _archive(segment, spool, 1000) != 0
    assert (spool / segment.name).read_bytes() == b"one"


def test_a_hole_in_the_log_is_not_taken_for_its_end(tmp_path: Path) -> None:
    destination, spool = _destination(tmp_path / "backups"), tmp_path / "spool"
    spool.mkdir()
    for last in ("0000FE", "0000FF", "000100", "000102"):
        (spool / f"000000010000000000{last}").write_bytes(bytes(4096) + b"log" + bytes(9000))
    first = "0000000100000000000000FE"
    assert wal.ship(destination, spool, "7", LOCKED) == 4
    brought = tmp_path / "brought"
    wal.fetch(destination, "7", first, brought, [KEY])
    assert (brought / first).read_bytes() == bytes(4096) + b"log" + bytes(9000)
    with pytest.raises(OperationsError, match="missing in the middle"):
        wal.check_complete(brought, first)


def test_a_time_before_a_restore_belongs_to_the_timeline_of_then(tmp_path: Path) -> None:
    destination = _destination(tmp_path)
    destination.put("wal/7/00000002.history.zst", b"")
    made = destination.files("wal/7")[0].modified
    assert wal.timeline_at(destination, "7", made - timedelta(seconds=1)) == 1
    assert wal.timeline_at(destination, "7", made + timedelta(seconds=1)) == 2


@pytest.fixture
def elsewhere(running_system: SystemInstance) -> Iterator[SystemInstance]:
    """A machine with nothing on it but access to the backups."""
    with system_instance() as system:
        system.environment["SIGNALCRAFT_BACKUP_URL"] = (running_system.folder / "data" / "backups").as_uri()
        yield system


def _add_shop(system: SystemInstance, name: str) -> None:
    system.rows("INSERT INTO shops (name) VALUES (%s) RETURNING id", name)


@pytest.mark.system
def test_a_lost_machine_comes_back_as_it_was_at_a_moment(
    running_system: SystemInstance, elsewhere: SystemInstance, tmp_path: Path
) -> None:
    key = tmp_path / "key.txt"
    key.write_text(f"# as age-keygen writes it\n{KEY}\n")
    locked = {"SIGNALCRAFT_BACKUP_RECIPIENTS": str(KEY.to_public())}
    running_system.post_clip("ESP32_BACKUP_1", np.ones(16_000, np.int16))
    first = running_system.run("backup", **locked)
    assert first.returncode == 0, first.stderr
    _add_shop(running_system, "before the mistake")
    time.sleep(0.2)
    moment = datetime.now(UTC)
    time.sleep(0.2)
    _add_shop(running_system, "the mistake")
    assert running_system.run("backup", **locked).returncode == 0

    unopened = elsewhere.run("restore", "--to", moment.isoformat())
    assert unopened.returncode == 1
    assert "--identity" in unopened.stderr
    restored = elsewhere.run("restore", "--yes", "--to", moment.isoformat(), "--identity", str(key))
    assert restored.returncode == 0, restored.stderr

    names = {name for (name,) in elsewhere.rows("SELECT name FROM shops")}
    assert "before the mistake" in names
    assert "the mistake" not in names
    (clip,) = elsewhere.rows("SELECT object_key FROM clips WHERE object_key IS NOT NULL LIMIT 1")
    assert (elsewhere.folder / "data/objects" / clip[0]).read_bytes() == (
        running_system.folder / "data/objects" / clip[0]
    ).read_bytes()
    assert elsewhere.setting("SIGNALCRAFT_ENCRYPTION_KEYS") == running_system.setting(
        "SIGNALCRAFT_ENCRYPTION_KEYS"
    )
    signed_in = httpx.post(
        f"{elsewhere.url}/api/auth/login",
        json={"username": running_system.username, "password": running_system.password},
        trust_env=False,
        timeout=20,
    )
    assert signed_in.status_code == httpx.codes.OK, signed_in.text
