"""Answers of the API with made-up content, in the shapes of its schemas."""

import itertools
import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

LEARNING_CLIPS = 60
ALARM_IDS = itertools.count(1)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(**delta: float) -> str:
    return iso(datetime.now(UTC) - timedelta(**delta))


def reading(seed: float = 0.0, **changes: Any) -> Json:
    values: Json = {
        "measured_at": ago(seconds=1),
        "received_at": ago(seconds=0),
        "temperature_c": round(-19.6 + math.sin(seed), 2),
        "vibration_x": 0.02,
        "vibration_y": 0.03,
        "vibration_z": round(1.0 + 0.05 * math.sin(3 * seed), 3),
        "vibration_unit": "g",
        "power_percent": round(56 + 6 * math.sin(2 * seed)),
        "audio_level": 180,
        "quality": {},
    }
    return values | changes


def analysis(ratio: float | None, moment: str, verdict: str | None = None, **changes: Any) -> Json:
    verdict = verdict or ("learning" if ratio is None else "anomalous" if ratio > 1 else "normal")
    sentences = {
        "normal": ("평소와 같은 소리입니다.", "It sounds as usual."),
        "anomalous": (
            "1.2~2.4 kHz 소리가 평소보다 6 dB 커졌습니다.",
            "Between 1.2 and 2.4 kHz it is 6 dB louder than usual.",
        ),
        "learning": ("아직 정상 소리를 배우고 있습니다.", "Still learning the healthy sound."),
        "not_assessable": ("소리가 너무 작아 판단할 수 없습니다.", "Too quiet to be judged."),
    }
    summary = dict(zip(("ko", "en"), sentences[verdict], strict=True))
    return {
        "id": str(uuid.uuid4()),
        "clip_id": str(uuid.uuid4()),
        "state": "done",
        "verdict": verdict,
        "reasons": ["silent"] if verdict == "not_assessable" else [],
        "score": None if ratio is None else round(ratio * 88.4, 2),
        "limit": None if ratio is None else 88.4,
        "ratio": ratio,
        "tail_probability": None if ratio is None else 0.017,
        "condition": "unknown_anomaly" if verdict == "anomalous" else None,
        "summary": summary,
        "measured_at": moment,
        "received_at": moment,
        "finished_at": moment,
        "synthetic": False,
    } | changes


def alarm(machine: Json, severity: str = "critical") -> Json:
    return {
        "id": next(ALARM_IDS),
        "machine_id": machine["id"],
        "machine_name": machine["name"],
        "shop_id": machine["shop_id"],
        "condition": "unknown_anomaly",
        "severity": severity,
        "state": "active_unacknowledged",
        "raised_at": ago(minutes=12),
        "acknowledged_at": None,
        "acknowledged_by": None,
        "cleared_at": None,
        "count": 3,
        "analysis_id": None,
        "summary": {
            "ko": "1.2~2.4 kHz 소리가 평소보다 6 dB 커졌습니다. 정상일 때는 거의 나지 않는 소리입니다.",
            "en": "Between 1.2 and 2.4 kHz it is 6 dB louder than usual, rare when healthy.",
        },
        "advice": {
            "ko": "팬 주변에 닿는 것이 있는지 보시고, 계속되면 기사에게 연락하세요.",
            "en": "See whether something touches near the fan; call the technician if it goes on.",
        },
    }


def machine(identity: int, name: str, shop_id: int | None, light: str, **changes: Any) -> Json:
    reasons = {
        "red": ("알람이 열려 있습니다.", "An alarm is open."),
        "yellow": ("최근 소리가 평소와 달랐습니다.", "The latest sound was unusual."),
        "green": ("평소와 같습니다.", "Everything as usual."),
        "blue": ("정상 소리를 배우는 중입니다.", "Learning the healthy sound."),
        "grey": ("30분 넘게 데이터가 없습니다.", "No data for more than 30 minutes."),
    }
    return {
        "id": identity,
        "name": name,
        "shop_id": shop_id,
        "light": light,
        "light_reason": dict(zip(("ko", "en"), reasons[light], strict=True)),
        "synthetic": False,
        "device": {"device_id": f"ESP32_{identity:03d}", "status": "online", "last_seen_at": ago(seconds=1)},
        "latest_reading": reading(len(name)),
        "latest_analysis": analysis(0.4, ago(minutes=2)),
        "baseline": {"state": "ready", "clips": LEARNING_CLIPS, "needed": LEARNING_CLIPS, "version": 1},
        "open_alarm": None,
    } | changes
