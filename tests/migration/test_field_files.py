"""Files of the field line: messages become readings, sound becomes clips that nobody is alarmed by."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

Rows = Callable[..., list[tuple[Any, ...]]]
MESSAGE = {"device_id": "ICE_STORE_24H_002", "timestamp": 123456, "rms_energy": 245.5, "compressor_state": 1}


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content))


def test_messages_and_sound_are_moved_once(tmp_path: Path, migrate: Any, rows_of: Rows) -> None:
    old = tmp_path / "old"
    stamped = MESSAGE | {"received_at": "2025-10-20T01:02:03.456Z", "store_type": "ice"}
    write(old / "data" / "esp32_features" / "features_ICE_STORE_24H_002_1760922123456.json", stamped)
    several = [MESSAGE | {"server_timestamp": 1_760_922_223_456}, MESSAGE, "no message"]
    write(old / "data" / "esp32_data_2025-10-20.json", several)
    pcm = (3000 * np.sin(np.arange(32_000) / 5)).astype("<i2").tobytes()
    write(old / "uploads" / "esp32_audio" / "esp32_audio_ICE_STORE_24H_002_20251020_101112.raw", pcm)
    write(old / "uploads" / "esp32" / "esp32_ICE_STORE_24H_002_99.raw", b"")

    results = [migrate(old), migrate(old)]

    for result in results:
        assert result.adds_up
        assert {
            a.table: (a.target, a.read, a.inserted, a.merged, a.rejected, a.reasons) for a in result.accounts
        } == {
            "features": ("readings", 4, 2, 0, 2, {"time_missing": 1, "not_json": 1}),
            "raw": ("clips", 2, 1, 0, 1, {"not_sound": 1}),
        }
    assert rows_of(
        "SELECT measured_at, extra->'rms_energy', extra->'device_millis' FROM readings ORDER BY 1"
    ) == [
        (datetime(2025, 10, 20, 1, 2, 3, 456000, UTC), 245.5, 123456),
        (datetime(2025, 10, 20, 1, 3, 43, 456000, UTC), 245.5, 123456),
    ]
    assert rows_of(
        "SELECT c.measured_at, c.duration_s, d.device_id FROM clips c JOIN devices d ON d.id = c.device_id"
    ) == [(datetime(2025, 10, 20, 10, 11, 12, tzinfo=UTC), 2.0, "ICE_STORE_24H_002")]
    assert rows_of("SELECT count(*) FROM analyses") == [(0,)]
    assert rows_of("SELECT content FROM legacy.documents WHERE path LIKE '%esp32_data%'") == [
        (json.dumps(several).encode(),)
    ]
