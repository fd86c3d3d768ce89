"""Old tables without a counterpart of their own become `imported_records`: one table of words for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from signalcraft.migration import cleaning, fleet, people
from signalcraft.migration.archive import Value
from signalcraft.migration.cleaning import Cleaned
from signalcraft.migration.ledger import Ledger, Row, Source, rows
from signalcraft.migration.models import ImportedRecord

Cleaner = Callable[[Value], Cleaned]


def _word(value: Value) -> Cleaned:
    """A code word: lower case, no space around it."""
    cleaned = cleaning.text(value)
    if cleaned.value is None:
        return cleaned
    lowered = cleaned.value.strip().lower()
    return Cleaned(lowered or None, cleaned.flaw or ("was_upper_case" if lowered != cleaned.value else None))


def _one_of(meanings: Mapping[str, str]) -> Cleaner:
    """A code word of a known list, in our spelling; another one is kept and named."""

    def clean(value: Value) -> Cleaned:
        cleaned = _word(value)
        if cleaned.value is None or cleaned.value in meanings.values():
            return cleaned
        meant = meanings.get(cleaned.value)
        return Cleaned(meant or cleaned.value, "other_spelling" if meant else "unknown_word")

    return clean


def _share(value: Value) -> Cleaned:
    """0 to 1; percent is recognised by being more than 1, up to 100."""
    cleaned = cleaning.number(value)
    if cleaned.value is None or 0 <= cleaned.value <= 1:
        return cleaned
    if 2 <= cleaned.value <= 100:
        return Cleaned(cleaned.value / 100, "was_percent")
    return Cleaned(None, "out_of_range")


def _percent(value: Value) -> Cleaned:
    """0 to 100; a share is recognised by being a fraction."""
    cleaned = cleaning.number(value)
    if cleaned.value is None:
        return cleaned
    if isinstance(cleaned.value, float) and 0 < cleaned.value < 1:
        return Cleaned(cleaned.value * 100, "was_share")
    return cleaned if 0 <= cleaned.value <= 100 else Cleaned(None, "out_of_range")


def _clock(value: Value) -> Cleaned:
    """HH:MM of a day; 24:00 is midnight."""
    written = cleaning.line(value)
    if written is None:
        return Cleaned(None)
    hour, _, minute = written.partition(":")
    if not (hour.isdigit() and minute.isdigit() and int(hour) <= 24 and int(minute) < 60):
        return Cleaned(None, "not_a_clock_time")
    tidy = f"{int(hour) % 24:02d}:{int(minute):02d}"
    return Cleaned(tidy, None if tidy == written else "other_spelling")


def _listed(value: Value) -> Cleaned:
    """A list: JSON, or words between commas."""
    cleaned = cleaning.document(value)
    if isinstance(cleaned.value, list):
        return cleaned
    if isinstance(cleaned.value, str):
        return Cleaned([word.strip() for word in cleaned.value.split(",") if word.strip()], "comma_separated")
    return (
        Cleaned([], cleaned.flaw or "not_a_list")
        if cleaned.value is not None
        else Cleaned(None, cleaned.flaw)
    )


def _feature_blob(value: Value) -> Cleaned:
    """`compressed_data` is plain JSON in a BLOB."""
    return cleaning.document(bytearray(value)) if isinstance(value, bytes) else cleaning.document(value)


SEVERITIES = {"warning": "medium", "normal": "medium", "urgent": "critical", "info": "low"}
"""Two scales were in use; low, high and critical are the same on both."""
_SEVERITY = _one_of({**SEVERITIES, "low": "low", "medium": "medium", "high": "high", "critical": "critical"})
_LABEL = _one_of(
    {"normal": "normal", "warning": "warning", "critical": "critical", "unknown": "unknown", "정상": "normal"}
)
_text, _number, _flag, _json = cleaning.text, cleaning.number, cleaning.boolean, cleaning.document


@dataclass(frozen=True)
class Spec:
    """How one kind of old table is read."""

    kind: str
    fields: Mapping[str, Cleaner]
    at: str | None = None
    """Column of when it happened."""
    at_utc: bool = True
    """Whether naive text there is UTC (CURRENT_TIMESTAMP) or the server's local time."""
    times: Sequence[str] = field(default=())
    """Further columns that are local times."""
    reference: Mapping[str, str] = field(default_factory=dict)
    """`device`, `shop` or `user` to the column that names it."""


SPECS: Mapping[str, Spec] = {
    "anomalies": Spec(
        "anomaly",
        {
            "anomaly_type": _word,
            "severity": _SEVERITY,
            "confidence": _share,
            "description": _text,
            "sensor_data": _json,
        },
        at="timestamp",
        reference={"device": "device_id"},
    ),
    "sensor_statistics": Spec(
        "statistics",
        {
            "date": _text,
            "hour": _number,
            **{
                f"{how}_{what}": _number
                for how, what in (
                    ("avg", "temperature"),
                    ("max", "temperature"),
                    ("min", "temperature"),
                    ("avg", "vibration"),
                    ("max", "vibration"),
                    ("avg", "power_consumption"),
                    ("max", "power_consumption"),
                )
            },
            "anomaly_count": _number,
        },
        reference={"device": "device_id"},
    ),
    "ai_analysis_results": Spec(
        "analysis",
        {
            "diagnosis_type": _word,
            "confidence": _share,
            "is_overload": _flag,
            "risk_level": _SEVERITY,
            "features_json": _json,
            "quality_metrics_json": _json,
            "noise_info_json": _json,
            "processing_time_ms": _number,
            "file_size_bytes": _number,
            "file_hash": _text,
        },
        at="analysis_timestamp",
        reference={"device": "device_id", "shop": "store_id"},
    ),
    "compressed_features": Spec(
        "analysis_features",
        {
            "analysis_id": _number,
            "feature_type": _word,
            "compressed_data": _feature_blob,
            "original_shape": _json,
            "compression_ratio": _number,
        },
        at="created_at",
    ),
    "positive_summaries": Spec(
        "analysis_summary",
        {
            "summary_date": _text,
            "total_analyses": _number,
            "normal_count": _number,
            "avg_confidence": _share,
            "avg_quality_score": _number,
            "peak_quality_score": _number,
            "summary_message": _text,
        },
        at="summary_date",
        reference={"shop": "store_id"},
    ),
    "labels": Spec(
        "label",
        {
            "file_name": _text,
            "file_size": _number,
            "file_type": _text,
            "label": _LABEL,
            "confidence": _percent,
            "notes": _text,
            "labeler_id": _text,
        },
        at="timestamp",
    ),
    "experts": Spec("expert", {"id": _text, "name": _text, "email": _text}, at="created_at"),
    "notification_rules": Spec(
        "notification_rule",
        {
            "rule_id": _text,
            "name": _text,
            "description": _text,
            "event_type": _word,
            "conditions": _json,
            "channels": _listed,
            "priority": _SEVERITY,
            "enabled": _flag,
        },
        at="created_at",
        at_utc=False,
        times=("updated_at",),
    ),
    "notification_templates": Spec(
        "notification_template",
        {
            "template_id": _text,
            "name": _text,
            "event_type": _word,
            "channel": _word,
            "subject": _text,
            "content": _text,
            "variables": _listed,
            "enabled": _flag,
        },
    ),
    "user_notification_settings": Spec(
        "notification_settings",
        {
            **{f"{c}_enabled": _flag for c in ("email", "sms", "kakao", "websocket", "push")},
            "quiet_hours_start": _clock,
            "quiet_hours_end": _clock,
            "max_notifications_per_hour": _number,
            "priority_filter": _listed,
            "store_filters": _listed,
        },
        reference={"user": "user_id"},
    ),
    "notification_history": Spec(
        "notification",
        {
            "notification_id": _text,
            "event_type": _word,
            "channel": _word,
            "priority": _SEVERITY,
            "status": _word,
            "subject": _text,
            "content": _text,
            "error_message": _text,
        },
        at="created_at",
        times=("sent_at", "delivered_at", "read_at"),
        reference={"user": "user_id", "shop": "store_id"},
    ),
    "monitoring_logs": Spec(
        "monitoring",
        {
            "audio_file_path": _text,
            "prediction": _number,
            "probability": _share,
            "confidence": _text,
            "is_anomaly": _flag,
            "models_used": _listed,
            "features_used": _number,
            "status": _word,
        },
        at="timestamp",
        at_utc=False,
    ),
    "alerts": Spec(
        "alert",
        {"alert_type": _word, "message": _text, "severity": _SEVERITY, "resolved": _flag},
        at="timestamp",
        at_utc=False,
    ),
    "maintenance_records": Spec(
        "maintenance",
        {
            "equipment_id": _text,
            "maintenance_type": _word,
            "description": _text,
            "cost": _number,
            "duration_hours": _number,
            "technician": _text,
            "status": _word,
        },
        at="timestamp",
        at_utc=False,
        reference={"device": "equipment_id"},
    ),
}


def spec_of(table: str, columns: frozenset[str]) -> Spec | None:
    """How this table is read, None where its name or its columns are others."""
    spec = SPECS.get(table)
    # One column of the spec may be missing (an older version); half of them missing is another table.
    return spec if spec and len(columns & set(spec.fields)) * 2 >= len(spec.fields) else None


@dataclass(frozen=True)
class References:
    """Our ids by the old ones."""

    devices: Mapping[bytes, tuple[int, int]]
    shops: Mapping[str, int]
    users: Mapping[str, int]

    @classmethod
    def of(cls, session: Session) -> "References":
        return cls(fleet.device_ids(session), fleet.shop_ids(session), people.user_ids(session))


def move(session: Session, source: Source, spec: Spec, references: References, zone: tzinfo) -> int:
    """Store the table's rows; how many were new or had changed."""
    moved = 0
    for window in rows(session, source):
        ledger = Ledger(session)
        todo = [row for row in window if not row.is_done]
        made = [_record(row, spec, references, zone) for row in todo]
        for start in range(0, len(made), 1000):
            _store(session, ledger, todo[start : start + 1000], made[start : start + 1000])
        ledger.write()
        moved += len(made)
    return moved


def _store(session: Session, ledger: Ledger, todo: Sequence[Row], made: Sequence[Mapping[str, Any]]) -> None:
    statement = insert(ImportedRecord).values(list(made))
    changed = {
        name: statement.excluded[name]
        for name in ("at", "machine_id", "device_id", "shop_id", "user_id", "body", "flaws")
    }
    ids = session.execute(
        statement.on_conflict_do_update(
            index_elements=["source_table", "source_row"], set_=changed
        ).returning(ImportedRecord.source_row, ImportedRecord.id)
    )
    by_row = {row.source_row: row.id for row in ids}
    for row in todo:
        outcome = "inserted" if row.earlier is None else "merged"
        ledger.record(
            row, "inserted" if outcome == "inserted" else "merged", "imported_records", by_row[row.row_id]
        )


def _record(row: Row, spec: Spec, references: References, zone: tzinfo) -> dict[str, Any]:
    flaws: dict[str, str] = {}
    body: dict[str, Any] = {}
    for name, clean in spec.fields.items():
        if name in row.values:
            body[name] = _taken(name, clean(row.values[name]), flaws)
    for name in spec.times:
        when = _taken(name, cleaning.moment(row.values.get(name), zone), flaws)
        body[name] = when.isoformat() if isinstance(when, datetime) else None
    at = None
    if spec.at is not None:
        at = _taken(spec.at, cleaning.moment(row.values.get(spec.at), UTC if spec.at_utc else zone), flaws)
    made: dict[str, Any] = {"machine_id": None, "device_id": None, "shop_id": None, "user_id": None}
    for what, column in spec.reference.items():
        raw = row.values.get(column)
        key = cleaning.line(raw)
        body[column] = key
        if what == "device":
            found = references.devices.get(bytes(raw)) if isinstance(raw, bytearray) else None
            made["device_id"], made["machine_id"] = found or (None, None)
        else:
            known = references.shops if what == "shop" else references.users
            made[f"{what}_id"] = known.get(key or "")
        if key and made[f"{what}_id"] is None:
            flaws[column] = f"unknown_{what}"
    return {
        "kind": spec.kind,
        "at": at,
        **made,
        "body": cleaning.without_nul(body),
        "flaws": flaws or None,
        "source_table": row.source.archive.relation,
        "source_row": row.row_id,
    }


def _taken(name: str, cleaned: Cleaned, flaws: dict[str, str]) -> Any:
    if cleaned.flaw:
        flaws[name] = cleaned.flaw
    return cleaned.value
