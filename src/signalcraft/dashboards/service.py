"""The overview, the machine page and its recordings, put together from one snapshot of the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.acoustics import baselines
from signalcraft.acoustics import service as acoustics
from signalcraft.alarms import service as alarms
from signalcraft.clock import utc_now
from signalcraft.dashboards import queries
from signalcraft.dashboards.schemas import ClipAnswer, ClipOut, MachineAnswer, Overview
from signalcraft.errors import NotFoundError
from signalcraft.fleet.light import device_status, machine_signal, shop_light
from signalcraft.fleet.models import Device
from signalcraft.realtime.queries import last_event_id

Card = dict[str, Any]


def overview(session: Session, principal: Principal) -> Overview:
    """Every shop and machine that this person sees. The session must be fresh: it becomes a snapshot.

    The number of the newest event is part of the snapshot, and events are numbered in the order of commits:
    what the snapshot does not hold comes after `last_event_id`, and nothing comes twice.
    """
    queries.begin_snapshot(session)
    now = utc_now()
    newest_event = last_event_id(session)
    by_shop: dict[int | None, list[Card]] = {}
    for card in _cards(session, queries.machines(session, principal.shop_ids), now):
        by_shop.setdefault(card["shop_id"], []).append(card)
    shops = [
        {
            **shop,
            "machines": by_shop.get(shop["id"], []),
            "light": shop_light(card["light"] for card in by_shop.get(shop["id"], [])),
        }
        for shop in queries.shops(session, principal.shop_ids)
    ]
    return Overview.model_validate(
        {
            "generated_at": now,
            "last_event_id": newest_event,
            "shops": shops,
            "unclaimed": by_shop.get(None, []),
        }
    )


def machine(session: Session, principal: Principal, machine_id: int) -> MachineAnswer:
    """One machine with its shop.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    row = queries.machine(session, machine_id)
    if row is None:
        raise NotFoundError("There is no such machine.")
    principal.require("fleet.read", row["shop_id"])
    [card] = _cards(session, [row], utc_now())
    shop = None if row["shop_id"] is None else queries.shop(session, row["shop_id"])
    return MachineAnswer.model_validate({"machine": card, "shop": shop})


def clip(session: Session, principal: Principal, clip_id: UUID) -> ClipAnswer:
    """A recording's facts.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    found = acoustics.get_clip(session, principal, clip_id)
    device = None if found.device_id is None else session.get_one(Device, found.device_id)
    return ClipAnswer(
        clip=ClipOut(
            id=found.id,
            device_id=None if device is None else device.device_id,
            machine_id=found.machine_id,
            measured_at=found.measured_at,
            received_at=found.received_at,
            duration_s=found.duration_s,
            sample_rate_hz=found.sample_rate_hz,
            size_bytes=found.size_bytes,
            synthetic=found.synthetic,
        )
    )


def _cards(session: Session, machines: Sequence[queries.Row], now: datetime) -> list[Card]:
    ids = [row["id"] for row in machines]
    device_keys = [row["device_key"] for row in machines if row["device_key"] is not None]
    readings = queries.latest_readings(session, device_keys, now=now)
    analyses = queries.latest_analyses(session, ids)
    progress = baselines.progress(session, ids)
    open_alarms = alarms.open_alarms(session, ids)
    return [
        _card(
            row,
            reading=readings.get(row["device_key"]),
            analysis=analyses.get(row["id"]),
            baseline=progress[row["id"]],
            alarm=open_alarms.get(row["id"]),
            now=now,
        )
        for row in machines
    ]


def _card(
    row: queries.Row,
    *,
    reading: queries.Row | None,
    analysis: queries.Row | None,
    baseline: Mapping[str, Any],
    alarm: Mapping[str, Any] | None,
    now: datetime,
) -> Card:
    status = None if row["device_key"] is None else device_status(row["last_seen_at"], now, row["rhythm_s"])
    signal = machine_signal(
        alarm_severity=None if alarm is None else alarm["severity"],
        verdict=None if analysis is None else analysis["verdict"],
        baseline_ready=baseline["state"] == "ready",
        device_status=status,
    )
    return {
        "id": row["id"],
        "name": row["name"],
        "model": row["model"],
        "shop_id": row["shop_id"],
        "synthetic": row["synthetic"],
        "light": signal.light,
        "light_reason": signal.reason,
        "device": None
        if status is None
        else {
            "device_id": row["device_id"],
            "status": status,
            "last_seen_at": row["last_seen_at"],
            "unauthenticated": row["unauthenticated"],
        },
        "latest_reading": reading,
        "latest_analysis": analysis,
        "baseline": baseline,
        "open_alarm": alarm,
    }
