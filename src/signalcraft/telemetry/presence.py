"""Which nodes are there: noted as readings come, and told to people as it changes.

A node that falls silent changes nothing by itself, so a periodic look finds it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import isnan
from time import monotonic

import numpy as np
from sqlalchemy.orm import Session

from signalcraft.alarms import service as alarms
from signalcraft.clock import EPOCH, iso, utc_now
from signalcraft.db.session import after_commit
from signalcraft.fleet import queries as fleet
from signalcraft.fleet import state_queries
from signalcraft.fleet.light import device_status, offline_after
from signalcraft.fleet.state_queries import Silence
from signalcraft.realtime.publish import emit
from signalcraft.telemetry.columns import ABSENT, Columns

NOTE_INTERVAL_S = 5.0
"""A node that sends each second need not have its state written each second."""
ALARM_AFTER = timedelta(seconds=300)
"""The old server's limit: nobody is called because a node was restarted. A slow node has longer."""
PAUSE_S = 60.0
"""We look every few seconds: after a longer pause it was we who were away."""
TOLD_AT_ONCE = 500
"""Changes told in one transaction; the others follow with the next look, seconds later."""
OFFLINE = "device_offline"
"""The condition of the alarm."""

_noted: dict[int, float] = {}
_contacts: dict[int, int] = {}
"""By device, of this process: when its state was last written, how often it was heard since. Losing them
costs nothing but one early write."""


def note(session: Session, columns: Columns) -> None:
    """Note in the transaction of these readings that their devices are there, and what they last measured.

    Each device at most every `NOTE_INTERVAL_S` in one process; its deliveries in between are counted.
    """
    if not len(columns):
        return
    last = np.flatnonzero(np.diff(columns.device, append=ABSENT))
    now = monotonic()
    due = []
    for row, device in zip(last.tolist(), columns.device[last].tolist(), strict=True):
        _contacts[device] = _contacts.get(device, 0) + 1
        if now - _noted.get(device, float("-inf")) >= NOTE_INTERVAL_S:
            due.append(row)
    if not due:
        return
    newest = columns.take(np.array(due))
    devices = newest.device.tolist()
    written = state_queries.note(
        session,
        received_at=columns.received_at,
        device_ids=devices,
        contacts=[_contacts[device] for device in devices],
        boot_ids=[None if boot == ABSENT else boot for boot in newest.boot.tolist()],
        measured_at=[EPOCH + timedelta(microseconds=us) for us in newest.measured_at_us.tolist()],
        values={
            name: [None if isnan(value) else value for value in newest.column(name).tolist()]
            for name in state_queries.VALUES
        },
    )
    after_commit(session, lambda: _written(written, now))


def _written(devices: Iterable[int], at: float) -> None:
    for device in devices:
        _noted[device] = at
        _contacts.pop(device, None)


def forget() -> None:
    """Write the state of every device with its next reading."""
    _noted.clear()
    _contacts.clear()


def look(session: Session) -> None:
    """Tell of every device that is online, late or offline since the last look, and of who is missing.

    The alarm waits for `ALARM_AFTER`; a silence that began while we were down is counted from when we were
    back. Only devices of a shop ring: nobody expects those that nobody has claimed.
    """
    now = utc_now()
    since = state_queries.listening_since(session, now=now, pause_s=PAUSE_S)
    devices = state_queries.silences(session)
    statuses = {device: device_status(device.last_seen_at, now, device.rhythm_s) for device in devices}
    changed = [device for device, status in statuses.items() if status != device.status][:TOLD_AT_ONCE]
    if changed:
        state_queries.set_statuses(session, {device.key: statuses[device] for device in changed}, now=now)
    for device in changed:
        if device.status is not None or statuses[device] != "online":
            _tell(session, device, statuses[device])
    missing = [device for device in devices if device.shop_id and _is_missing(device, since, now)]
    _follow(session, missing, devices, now)


def _is_missing(device: Silence, since: datetime, now: datetime) -> bool:
    silence = now - max(device.last_seen_at, since)
    return silence > max(ALARM_AFTER, offline_after(device.rhythm_s))


def _tell(session: Session, device: Silence, status: str) -> None:
    emit(
        session,
        "device.status",
        {
            "machine_id": device.machine_id,
            "device": {
                "device_id": device.device_id,
                "status": status,
                "last_seen_at": iso(device.last_seen_at),
            },
        },
        shop_id=device.shop_id,
    )


def _follow(session: Session, missing: list[Silence], devices: list[Silence], now: datetime) -> None:
    """Raise the alarm of machines with a missing device, clear that of machines whose devices are back."""
    by_machine = {device.machine_id: device for device in missing}
    ringing = alarms.open_about(session, OFFLINE).keys()
    back = ringing - by_machine.keys()
    # Until we have listened for long enough nobody is known to be missing, and nobody to be back.
    heard = {
        device.machine_id
        for device in devices
        if device_status(device.last_seen_at, now, device.rhythm_s) != "offline"
    }
    new = sorted(by_machine.keys() - ringing)[:TOLD_AT_ONCE]
    for machine in fleet.lock_machines(session, [*new, *(back & heard)]):
        device = by_machine.get(machine.id)
        if device is None:
            alarms.clear_alarms(session, machine, at=now, conditions=[OFFLINE], message=BACK)
        else:
            alarms.raise_alarm(
                session, machine, condition=OFFLINE, severity="high", evidence=_evidence(device, now)
            )


BACK = {"ko": "센서가 다시 연결되었습니다.", "en": "the sensor node is back."}


def _evidence(device: Silence, now: datetime) -> alarms.Evidence:
    minutes = round((now - device.last_seen_at).total_seconds() / 60)
    return alarms.Evidence(
        at=now,
        summary={
            "ko": f"센서 {device.device_id}에서 {minutes}분 동안 데이터가 오지 않았습니다.",
            "en": f"Nothing has come from the sensor node {device.device_id} for {minutes} minutes.",
        },
        advice={
            "ko": "전원과 Wi-Fi를 확인해 주세요. 기계의 상태는 지금 알 수 없습니다.",
            "en": "Check its power and the Wi-Fi. What the machine does is not known at present.",
        },
        reading={
            "device_id": device.device_id,
            "field": "silence",
            "value": (now - device.last_seen_at).total_seconds(),
            "unit": "s",
            "limit": max(ALARM_AFTER, offline_after(device.rhythm_s)).total_seconds(),
            "since": iso(device.last_seen_at),
            "measured_at": iso(now),
        },
    )
