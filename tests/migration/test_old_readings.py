"""Old readings: which survive, what becomes of the others, and that running again changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from old_files import NOW, READING_COLUMNS, make, reading, readings

from signalcraft.migration.errors import MigrationError

Rows = Callable[..., list[tuple[Any, ...]]]
INTO = f"sensor_readings ({READING_COLUMNS})"

DIRTY = [
    reading(at=NOW),  # 1 kept
    reading(at=NOW),  # 2 the same again
    reading(at=NOW, temperature=-12.0),  # 3 the same moment, another value
    reading(at=NOW + 1, temperature=-127.0),  # 4 kept, the sensor was disconnected
    reading(at=NOW + 2, temperature="N/A"),  # 5 kept, unreadable
    reading(at=NOW + 3, temperature=float("inf")),  # 6 kept, no number
    reading(at=NOW * 1000),  # 7 milliseconds
    reading(at=50_021.0),  # 8 since boot
    reading(at="2025-10-15T03:45:00"),  # 9 text
    reading(at=-5.5),  # 10 before everything
    reading(device=b"ESP32_001", at=NOW + 4),  # 11 a BLOB
    reading(device="ESP32\x00_9", at=NOW + 5),  # 12 NUL
    reading(device=" ESP32_001 ", at=NOW + 6),  # 13 kept, space round the name
    reading(device="GHOST", at=NOW + 7),  # 14 kept, not in `devices`
    reading(at=NOW + 86_400 * 400),  # 15 kept, later than it was written
    (*reading(device="SHAKER", at=NOW + 8)[:3], 0.1, 0.1, 9.8, *reading()[6:]),  # 16 kept, m/s²
    (*reading(at=NOW + 9)[:6], 140.0, -20, 1.7, "2025-10-15T03:46:36.000Z"),  # 17 kept, three out of range
]
REASONS = {
    "same_device_and_time_other_values": 1,
    "time_in_milliseconds": 1,
    "time_since_boot": 1,
    "time_as_text": 1,
    "time_not_positive": 1,
    "device_id_is_not_text": 1,
    "device_id_holds_nul": 1,
}


def test_each_dirty_row_is_kept_collapsed_or_rejected_for_its_reason(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    readings(tmp_path / "old" / "sensor_data.db", DIRTY)

    result = migrate(tmp_path / "old")

    assert result.adds_up
    [account] = result.accounts
    assert (account.read, account.inserted, account.merged, account.duplicate) == (17, 9, 0, 1)
    assert account.reasons == REASONS
    stored = rows_of(
        "SELECT d.device_id, r.measured_at, r.temperature_c, r.quality, r.received_at FROM readings r "
        "JOIN devices d ON d.id = r.device_id ORDER BY r.measured_at"
    )
    at = {round(row[1].timestamp() - NOW): row for row in stored}
    assert at[0][2] == -18.5  # the first of one moment stays
    assert at[1][2] is None
    assert at[1][3] == {"temperature_c": {"code": "bad", "reason": "sensor_disconnected", "raw": -127.0}}
    assert at[2][3]["temperature_c"]["raw"] == "N/A"
    assert at[3][3]["temperature_c"]["reason"] == "not_finite"
    assert at[6][0] == "ESP32_001"
    assert at[7][0] == "GHOST"
    assert at[86_400 * 400][3]["measured_at"]["code"] == "uncertain"
    assert set(at[9][3]) == {"power_percent", "audio_level", "sensor_quality"}
    assert at[9][4] == datetime(2025, 10, 15, 3, 46, 36, tzinfo=UTC)
    assert rows_of("SELECT device_id FROM devices WHERE vibration_unit = 'm/s2'") == [("SHAKER",)]
    assert rows_of(
        "SELECT row_id, raw->'device_id'->>'hex' FROM legacy.rejects WHERE row_id IN (11, 12)"
    ) == [
        (11, b"ESP32_001".hex()),
        (12, b"ESP32\x00_9".hex()),
    ]


def test_running_again_changes_nothing_and_later_rows_come_alone(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    path = readings(tmp_path / "old" / "sensor_data.db", DIRTY)
    everything = (
        "SELECT device_id, measured_at, received_at, temperature_c, quality::text, xmin::text FROM readings "
        "ORDER BY 1, 2"
    )
    migrate(tmp_path / "old")
    before = rows_of(everything)

    again = migrate(tmp_path / "old")

    assert again.adds_up
    assert again.facts["rows_archived_now"] == 0
    assert rows_of(everything) == before
    assert again.accounts[0].reasons == REASONS

    make(
        path, "", {INTO: [reading(at=NOW + 100 + n) for n in range(50)] + [reading(at=NOW), reading(at=1.0)]}
    )
    later = migrate(tmp_path / "old", verify_all=False)
    assert later.adds_up
    assert later.facts["rows_archived_now"] == 52
    [account] = later.accounts
    assert (account.read, account.inserted, account.duplicate, account.rejected) == (69, 59, 2, 8)
    assert [row for row in rows_of(everything) if row in before] == before


def test_a_reading_that_the_running_system_has_already_stays_and_counts_as_merged(
    tmp_path: Path, migrate: Any, rows_of: Rows, target: Any
) -> None:
    path = readings(tmp_path / "old" / "sensor_data.db", [reading(at=NOW)])
    migrate(tmp_path / "old")
    with target.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO readings (device_id, measured_at, received_at, temperature_c, vibration_x, "
            "vibration_y, vibration_z, power_percent, audio_level, sensor_quality) "
            "SELECT device_id, measured_at + '1 s', "
            "now(), -18.5, 0.2, 0.1, 0.3, 45.0, 150, 0.95 FROM readings"
        )
    make(path, "", {INTO: [reading(at=NOW + 1), reading(at=NOW + 2)]})
    result = migrate(tmp_path / "old")
    assert result.adds_up
    [account] = result.accounts
    assert (account.read, account.inserted, account.merged) == (3, 2, 1)


def test_a_reading_that_is_lost_or_altered_in_the_target_is_noticed(
    tmp_path: Path, migrate: Any, target: Any
) -> None:
    readings(tmp_path / "old" / "sensor_data.db", [reading(at=NOW + n) for n in range(200)])
    assert migrate(tmp_path / "old").adds_up
    for statement in (
        "UPDATE readings SET temperature_c = temperature_c + 1 WHERE measured_at = to_timestamp(1760500007)",
        "DELETE FROM readings WHERE measured_at = to_timestamp(1760500007)",
    ):
        with target.begin() as connection:
            connection.exec_driver_sql(statement)
        result = migrate(tmp_path / "old")
        assert not result.adds_up
        [wrong] = [check for check in result.checks if not check.ok]
        assert "device" in wrong.detail.en
    with target.begin() as connection:
        connection.exec_driver_sql("DELETE FROM legacy.sensor_data__sensor_readings WHERE _rowid = 7")
    with pytest.raises(MigrationError, match="the file has 200 rows, the archive 199"):
        migrate(tmp_path / "old")


def test_express_readings_have_iso_times_and_decibels_that_are_no_level(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    at = "2025-10-20 01:02:04"
    make(
        tmp_path / "old" / "smartcompressor.db",
        "CREATE TABLE sensor_data (id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, timestamp DATETIME, "
        "temperature REAL, audio_level REAL, rms_energy REAL, decibel_level REAL, compressor_state INTEGER, "
        "vibration_x REAL, vibration_y REAL, vibration_z REAL, power_consumption REAL, created_at DATETIME)",
        {
            "sensor_data": [
                (1, "E1", "2025-10-20T01:02:03.657Z", 17.09, 51.9, 393.0, 51.9, 1, 0.1, 0.1, 1.0, 40.0, at),
                (2, "E1", 123456, None, 46.4, 328.0, 46.4, 1, 0.1, None, 1.0, None, at),
            ]
        },
    )  # fmt: skip
    result = migrate(tmp_path / "old")
    assert result.adds_up
    assert result.accounts[0].reasons == {"time_since_boot": 1}
    assert rows_of("SELECT measured_at, audio_level, extra FROM readings") == [
        (
            datetime(2025, 10, 20, 1, 2, 3, 657000, UTC),
            None,
            {"rms_energy": 393.0, "decibel_level": 51.9, "compressor_state": 1},
        )
    ]
