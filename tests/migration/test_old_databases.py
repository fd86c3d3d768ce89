"""The fourteen databases of the old servers themselves, where they lie beside the repository."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

OLD = Path(__file__).resolve().parents[3] / "shared" / "legacy" / "db"
pytestmark = pytest.mark.skipif(not OLD.is_dir(), reason=f"the old databases are not in {OLD}")

Rows = Callable[..., list[tuple[Any, ...]]]


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608
    return count


def test_every_row_of_every_table_is_archived_and_accounted_for(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    result = migrate(OLD)

    assert result.adds_up, [check.detail.en for check in result.checks if not check.ok]
    counted = {}
    for path in OLD.glob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            names = [
                row[0]
                for row in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                )
            ]
            for name in names:
                counted[path.name, name] = _count(connection, name)
    assert {(a.file, a.table): a.read for a in result.accounts} == counted
    by_table = {(a.file, a.table): a for a in result.accounts}
    assert by_table["sensor_data.db", "sensor_readings"].inserted == 432
    assert by_table["sensor_data.db", "sensor_readings"].rejected == 17
    assert by_table["smartcompressor_express.db", "sensor_data"].reasons == {
        "time_since_boot": 49,
        "time_not_positive": 1,
    }
    assert by_table["user_permissions.db", "users"].merged == 40
    assert rows_of("SELECT count(*) FROM users WHERE role <> 'user'") == [(0,)]
    written = json.loads((tmp_path / "backups" / "0" / "report.json").read_text())
    assert written["adds_up"] is True
    assert len(written["tables"]) == len(counted)

    # What schema.md warns of, value by value.
    anomalies = dict(
        rows_of("SELECT source_row, body->'sensor_data' FROM imported_records WHERE kind = 'anomaly'")
    )
    assert anomalies[160] == {"temperature": 6.2}  # a Python dict
    assert anomalies[164] == {"audio_level": 1200}  # JSON in JSON
    assert anomalies[167] == {"magnitude": None}  # NaN
    assert rows_of(
        "SELECT body->>'description', flaws->>'description' FROM imported_records "
        "WHERE kind = 'anomaly' AND source_row = 168"
    ) == [("냉동고 온도가 높습니다", "was_cp949")]
    assert rows_of(
        "SELECT body->'is_overload' FROM imported_records "
        "WHERE kind = 'analysis' AND source_row IN (134, 135) ORDER BY source_row"
    ) == [(True,), (True,)]
    assert rows_of(
        "SELECT body->>'label', body->'confidence' FROM imported_records "
        "WHERE kind = 'label' AND source_row IN (203, 204, 205) ORDER BY source_row"
    ) == [("bearing", 87.0), ("normal", 90.0), ("normal", None)]
    assert rows_of(
        "SELECT full_name FROM users WHERE email IN ('cp949@example.com', 'nfd@example.com') ORDER BY email"
    ) == [("김철수",), ("김철수",)]
