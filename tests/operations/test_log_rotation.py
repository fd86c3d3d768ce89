"""Logs are cut while their writer holds them open."""

import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signalcraft.operations import log_rotation, logs


def line(age: timedelta, number: int = 0) -> str:
    return f'{{"timestamp": "{(datetime.now(UTC) - age).isoformat()}", "event": "{number}"}}\n'


def test_a_long_log_is_cut_and_its_writer_goes_on_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_rotation, "LIMIT_BYTES", 100)
    log = tmp_path / "api-blue.log"
    written = []
    with log.open("a") as writer:
        for number in range(log_rotation.KEPT * 10):
            written.append(line(timedelta(), number))
            writer.write(written[-1])
            writer.flush()
            if number % 10 == 9:
                log_rotation.rotate(tmp_path)
        assert log.read_bytes() == b""
        writer.write("next\n")
    assert log.read_text() == "next\n"
    parts = [tmp_path / f"api-blue.log.{number}" for number in range(log_rotation.KEPT, 0, -1)]
    assert "".join(part.read_text() for part in parts) == "".join(written)
    assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}

    with log.open("a") as writer:
        writer.write(line(timedelta()) * 10)
    log_rotation.rotate(tmp_path)
    assert len(list(tmp_path.glob("*.log.*"))) == log_rotation.KEPT


def test_an_old_log_is_cut_and_a_young_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "old.log").write_text("  rest of a traceback\n" + line(log_rotation.LIMIT_AGE * 2))
    (tmp_path / "young.log").write_text(line(log_rotation.LIMIT_AGE / 2))
    log_rotation.rotate(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"old.log", "old.log.1", "young.log"}


def test_earlier_parts_go_at_their_age(tmp_path: Path) -> None:
    part = tmp_path / "api-blue.log.3"
    part.write_text("x\n")
    log_rotation.rotate(tmp_path)
    assert part.exists()
    past = time.time() - log_rotation.KEPT_AGE.total_seconds() - 60
    os.utime(part, (past, past))
    log_rotation.rotate(tmp_path)
    assert not part.exists()


def test_who_follows_a_log_sees_what_comes_after_the_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "api-blue.log"
    log.write_text(line(timedelta()) * 10)
    monkeypatch.setattr(log_rotation, "LIMIT_BYTES", 100)
    followed = logs.follow(tmp_path, ["api-blue"])

    def cut_and_write() -> None:
        time.sleep(0.5)
        log_rotation.rotate(tmp_path)
        time.sleep(0.5)
        with log.open("a") as writer:
            writer.write("next\n")

    threading.Thread(target=cut_and_write).start()
    assert next(followed).text == "next"
    followed.close()
