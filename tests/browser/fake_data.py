"""Answers of the API with made-up content, in the shapes of its schemas."""

import itertools
import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

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


def readings(start: str, end: str, points: int, seed: int) -> Json:
    """A series of up to an hour as it was measured, a longer one as lowest and highest values of steps.

    In its second half nothing came for a twelfth of the time; at a quarter it was 9 °C for a moment.
    """
    begin, until = (datetime.fromisoformat(moment).timestamp() for moment in (start, end))
    reduced = until - begin > 3600
    times = np.linspace(begin, until, points // 2 if reduced else 700)
    gap = (times > begin + 0.6 * (until - begin)) & (times < begin + 0.68 * (until - begin))
    noise = np.random.default_rng(seed).normal(size=times.size)
    cycle = np.sin(times / 180) if not reduced else np.sin(times / (until - begin) * 60)
    middle = {
        "temperature_c": -19.6 + cycle + 0.08 * noise,
        "vibration_g": 0.05 + 0.02 * (cycle > 0) + 0.008 * noise,
        "power_percent": np.where(cycle > 0, 62, 12) + noise,
    }
    middle["temperature_c"][times.size // 4] = 9.0
    spread = {"temperature_c": 1.5, "vibration_g": 0.02, "power_percent": 12.0} if reduced else {}
    fields: Json = {"audio_level": []}
    for name, values in middle.items():
        sides = [values - spread[name], values + spread[name]] if reduced else [values]
        column = np.where(gap, np.nan, np.array(sides)).T.ravel()
        fields[name] = [None if np.isnan(value) else round(value, 3) for value in column.tolist()]
    at = np.repeat(times * 1000, 2 if reduced else 1).astype(int).tolist()
    level = "raw" if until - begin < 90_000 else "hour" if until - begin > 10_000_000 else "minute"
    told = {"count": 700, "reduced": reduced, "level": level, "late": 3 if reduced else 0}
    return {"from": start, "to": end, "measured_at": at, "fields": fields} | told


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
        "condition": "bearing_wear" if verdict == "anomalous" else None,
        "run_state": "running",
        "summary": summary,
        "measured_at": moment,
        "received_at": moment,
        "finished_at": moment,
        "synthetic": False,
    } | changes


def text(ko: str, en: str) -> Json:
    return {"ko": ko, "en": en}


CONDITIONS: list[Json] = [
    {
        "name": name,
        "title": title,
        "advice": text("기사에게 점검을 맡기세요.", "Have a technician look."),
        "urgency": "week",
    }
    for name, title in (
        ("bearing_wear", text("베어링 마모", "Worn bearing")),
        ("friction", text("마찰", "Friction")),
        ("fan_fault", text("팬 이상", "Fan blocked or damaged")),
        ("unknown_anomaly", text("원인을 모르는 변화", "Unknown change")),
    )
]


def detail(found: Json, machine_id: int) -> Json:
    """What is known of one analysis besides its summary."""
    anomalous = found["verdict"] == "anomalous"
    impacts = text("3.5 kHz 위 충격이 늘어남: +9 dB", "more impacts above 3.5 kHz: +9 dB")
    current = text("전류가 높아지지 않음", "current is not higher")
    diagnosis = {
        "method": "physics-1",
        "conditions": [
            {
                "condition": condition["name"],
                "title": condition["title"],
                "urgency": condition["urgency"],
                "probability": probability,
                "evidence": [
                    {"indicator": "knocks_high", "weight": 2.1, "text": impacts},
                    {"indicator": "power", "weight": -0.4, "text": current},
                ],
            }
            for condition, probability in zip(CONDITIONS, (0.71, 0.14, 0.02, 0.13), strict=True)
        ],
    }
    explanation = {
        "bands": [
            {"low_hz": 1200, "high_hz": 2400, "delta_db": 6.2, "deviations": 9.1, "kind": "level"},
            {"low_hz": 4200, "high_hz": 6100, "delta_db": 11.4, "deviations": 7.0, "kind": "variation"},
        ],
        "lines": [{"hz": 240, "delta_db": 7.5, "deviations": 5.0, "source": "hum", "order": 4}],
        "moments": [{"start_s": 2.5, "end_s": 3.75, "delta_db": 9.0, "deviations": 5.0}],
        "scorers": {},
        "advice": text("이번 주 안에 점검을 맡기세요.", "Have the bearings checked this week."),
    }
    return found | {
        "machine_id": machine_id,
        "heard_in": {
            "run_state": found["run_state"],
            "probability": 0.97,
            "probabilities": {},
            "evidence": {},
        },
        "surroundings": {"power_percent": 56.0},
        "tail_interval": None if found["ratio"] is None else {"low": 0.0004, "high": 0.012},
        "diagnosis": diagnosis if anomalous else None,
        "explanation": explanation if anomalous else None,
        "decision": {"action": "hold", "severity": None},
        "nearest_clip_id": None if found["ratio"] is None else str(uuid.uuid4()),
        "versions": {
            "features": "hearing-2",
            "state": "runstate-1",
            "detector": "ensemble-2",
            "baseline": 1,
            "diagnosis": "physics-1" if anomalous else None,
            "head": None,
            "decision": "cusum-2",
        },
        "quality": {"rms_dbfs": -26.4, "peak_dbfs": None, "clipped_fraction": 0.0, "duration_s": 10.0},
        "revision": 1,
        "attempts": 1,
    }


def baseline(version: int, status: str, **changes: Any) -> Json:
    return {
        "id": 10 + version,
        "version": version,
        "run_state": "running",
        "kind": "own",
        "status": status,
        "features": "hearing-2",
        "detector": "ensemble-2",
        "clips": 60 * version,
        "created_at": ago(days=3 - version),
        "figures": {
            "healthy_clips": 180,
            "healthy_over_limit": {"old": 0.006, "new": 0.033},
            "faulty_clips": 4,
            "faults_found": {"old": 1.0, "new": 1.0},
        },
        "decision": None,
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
        "reading": None,
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
        "model": None,
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
