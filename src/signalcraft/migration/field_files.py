"""What the field line kept in files of its own: feature messages as JSON, and sound.

JSON is archived whole in `legacy.documents` and each message becomes a reading; sound goes to the object
store as a clip, without an analysis: nobody is to be alarmed by what happened last year. A file is done once,
by its path and checksum.
"""

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from signalcraft import dsp
from signalcraft.acoustics.models import Clip
from signalcraft.acoustics.reception import MEDIA_TYPES
from signalcraft.fleet import queries as fleet_queries
from signalcraft.fleet.models import Device
from signalcraft.migration import cleaning, fleet
from signalcraft.migration.state import dumps
from signalcraft.storage import objects
from signalcraft.telemetry import queries as telemetry_queries
from signalcraft.telemetry import rollup_queries
from signalcraft.telemetry.wire import FeatureMessage

RAW_RATE_HZ = 16_000
"""Raw files say no rate; 16 kHz, 16 bits is what the firmware that sent them was built for."""
_JSON = re.compile(r"^(features_|esp32_data_|test_data).*\.json$")
_RAW = re.compile(r"^(?:esp32_audio|esp32)_(?P<device>.+?)_(?P<when>\d{8}_\d{6}|\d+)\.raw$")
_UPLOAD = re.compile(r"^audio-(?P<when>\d{13})-\d+\.\w+$")
_BATCH = 200


@dataclass
class FileAccount:
    """One kind of file; messages are counted, not files, where a file holds several."""

    kind: str
    target: str
    read: int = 0
    inserted: int = 0
    merged: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)


def find(folder: Path) -> list[tuple[str, Path]]:
    """Kind (`features`, `raw`, `upload`) and path of every file of the field line, by path."""
    found = []
    for path in sorted(folder.rglob("*")):
        for kind, pattern in (("features", _JSON), ("raw", _RAW), ("upload", _UPLOAD)):
            if pattern.match(path.name) and path.is_file():
                found.append((kind, path))
    return found


def batches(files: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    """So many files that one transaction stays short."""
    for start in range(0, len(files), _BATCH):
        yield files[start : start + _BATCH]


def move(session: Session, folder: Path, files: list[tuple[str, Path]], zone: tzinfo) -> None:
    """Move these files; those that are here already with this content are left alone."""
    for kind, path in files:
        data = path.read_bytes()
        name, digest = path.relative_to(folder).as_posix(), hashlib.sha256(data).digest()
        known = session.execute(
            text("SELECT sha256 FROM legacy.documents WHERE path = :path"), {"path": name}
        ).scalar()
        if known is not None and bytes(known) == digest:
            continue
        outcome = _features(session, data) if kind == "features" else _sound(session, kind, path, data, zone)
        session.execute(
            text(
                "INSERT INTO legacy.documents (path, sha256, size_bytes, content, kind, outcome) "
                "VALUES (:path, :sha256, :size, :content, :kind, CAST(:outcome AS jsonb)) "
                "ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, "
                "size_bytes = excluded.size_bytes, "
                "content = excluded.content, outcome = excluded.outcome"
            ),
            {
                "path": name,
                "sha256": digest,
                "size": len(data),
                "content": data if kind == "features" or outcome["rejected"] else None,
                "kind": kind,
                "outcome": dumps(outcome).decode(),
            },
        )


def accounts(session: Session) -> list[FileAccount]:
    """What became of all files that were ever moved."""
    made = {"features": "readings", "raw": "clips", "upload": "clips"}
    found = {kind: FileAccount(kind, target) for kind, target in made.items()}
    for kind, digest, outcome in session.execute(
        text("SELECT kind, sha256, outcome FROM legacy.documents ORDER BY path")
    ):
        account = found[kind]
        account.digest.update(bytes(digest))
        account.read += outcome["read"]
        account.inserted += outcome["inserted"]
        account.merged += outcome["merged"]
        account.rejected += len(outcome["rejected"])
        account.reasons.update(entry["reason"] for entry in outcome["rejected"])
    return [account for account in found.values() if account.read]


def _features(session: Session, data: bytes) -> dict[str, Any]:
    cleaned = cleaning.document(bytearray(data))
    messages = cleaned.value if isinstance(cleaned.value, list) else [cleaned.value]
    outcome: dict[str, Any] = {"read": len(messages), "inserted": 0, "merged": 0, "rejected": []}
    rows: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        made = _reading(session, message)
        if isinstance(made, str):
            outcome["rejected"].append({"index": place, "reason": made})
        else:
            rows.append(made)
    for start in range(0, len(rows), 1000):
        outcome["inserted"] += telemetry_queries.insert_new(session, rows[start : start + 1000])
    rollup_queries.add_backlog(session, sorted({row["measured_at"].date() for row in rows}))
    outcome["merged"] = len(rows) - outcome["inserted"]
    return outcome


def _reading(session: Session, message: Any) -> dict[str, Any] | str:
    """The reading that a message means, or why there is none."""
    if not isinstance(message, dict):
        return "not_json"
    when = _stamped(message)
    if when is None:
        return "time_missing"
    device = _device(session, message.get("device_id"), when)
    if isinstance(device, str):
        return device
    sent = {k: v for k, v in message.items() if k not in {"received_at", "server_timestamp"}}
    try:
        reading = FeatureMessage.model_validate({"rms_energy": None, **sent}).reading({}, measured_at=when)
    except ValidationError:
        return "not_a_feature_message"
    return {
        "device_id": device.id,
        "measured_at": when,
        "received_at": when,
        **dict.fromkeys(
            ("temperature_c", "vibration_x", "vibration_y", "vibration_z", "power_percent", "audio_level")
        ),
        "sensor_quality": None,
        "quality": reading.flaws or None,
        "extra": reading.extra,
    }


def _stamped(message: dict[str, Any]) -> datetime | None:
    """When the old server received it: the node's own `timestamp` counts since its start."""
    for name in ("received_at", "server_timestamp"):
        value = message.get(name)
        raw = bytearray(value.encode()) if isinstance(value, str) else value
        if isinstance(raw, int | float | bytearray):
            found: datetime | None = cleaning.moment(raw, UTC).value
            if found is not None:
                return found
    return None


def _device(session: Session, name: object, seen: datetime) -> Device | str:
    if not isinstance(name, str):
        return "device_unknown"
    named = fleet.device_name(name.encode())
    if named.name is None:
        return named.reason or "device_unknown"
    return fleet_queries.device_named(session, named.name) or fleet.new_device(
        session, named.name, None, seen
    )


def _sound(session: Session, kind: str, path: Path, data: bytes, zone: tzinfo) -> dict[str, Any]:
    outcome: dict[str, Any] = {"read": 1, "inserted": 0, "merged": 0, "rejected": []}
    digest = hashlib.sha256(data).digest()
    if session.scalar(select(Clip.id).where(Clip.sha256 == digest).limit(1)) is not None:
        return outcome | {"merged": 1}
    try:
        clip, stored = _raw_clip(session, path, data, zone) if kind == "raw" else _upload_clip(path, data)
    except dsp.AudioDecodeError:
        return outcome | {"rejected": [{"index": 0, "reason": "not_sound"}]}
    clip.sha256, clip.size_bytes = digest, len(stored)
    clip.object_key = f"clips/{clip.received_at:%Y/%m/%d/%H}/{secrets.token_hex(16)}.{clip.media_type[6:]}"
    objects.put(clip.object_key, stored)
    session.add(clip)
    session.flush()
    return outcome | {"inserted": 1, "object_key": clip.object_key}


def _raw_clip(session: Session, path: Path, data: bytes, zone: tzinfo) -> tuple[Clip, bytes]:
    """Signed 16-bit PCM without a header; the name says whose, and when or how long after its start."""
    named = _RAW.match(path.name)
    sound = dsp.decode_pcm(data, sample_rate_hz=RAW_RATE_HZ, bits_per_sample=16)
    stored_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    when = named["when"] if named else ""
    measured = datetime.strptime(when, "%Y%m%d_%H%M%S").replace(tzinfo=zone) if "_" in when else stored_at
    device = _device(session, named["device"] if named else None, measured)
    clip = Clip(
        device_id=None if isinstance(device, str) else device.id,
        machine_id=None if isinstance(device, str) else device.machine_id,
        source="node",
        measured_at=measured.astimezone(UTC),
        received_at=measured.astimezone(UTC),
        media_type=MEDIA_TYPES["flac"],
        sample_rate_hz=RAW_RATE_HZ,
        duration_s=sound.duration_s,
    )
    return clip, dsp.encode_flac(data, sample_rate_hz=RAW_RATE_HZ)


def _upload_clip(path: Path, data: bytes) -> tuple[Clip, bytes]:
    named = _UPLOAD.match(path.name)
    sound = dsp.decode(data, max_duration_s=3600)
    container = dsp.identify(data) or "wav"
    when = cleaning.moment(int(named["when"]) if named else 0, UTC).value
    clip = Clip(
        source="upload",
        received_at=when or datetime.fromtimestamp(path.stat().st_mtime, UTC),
        media_type=MEDIA_TYPES[container],
        sample_rate_hz=sound.source_rate_hz,
        duration_s=sound.duration_s,
    )
    return clip, data
