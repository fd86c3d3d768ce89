"""Reading and setting limits, for a type of device or for one device."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import ForbiddenError, InvalidInputError
from signalcraft.fleet.models import Device, Machine
from signalcraft.fleet.service import get_visible_device
from signalcraft.telemetry.thresholds import queries, watching
from signalcraft.telemetry.thresholds.models import Excursion
from signalcraft.telemetry.thresholds.rules import Rule, flaws, merged

Changes = dict[str, dict[str, Any]]
"""Name of a rule to the fields that are otherwise than before it."""

LOOK_BACK = timedelta(minutes=15)
"""A new limit is held against what was measured lately, not only against what comes."""


def of_type(session: Session, device_type: str) -> tuple[dict[str, Rule], Changes]:
    """The rules of a type of device, and which of them are not the defaults."""
    changes = queries.type_changes(session, [device_type]).get(device_type, {})
    return merged(changes), changes


def types(session: Session) -> list[str]:
    """The types of device that have limits of their own."""
    return list(queries.types_with_changes(session))


def of_device(
    session: Session, principal: Principal, device_id: str
) -> tuple[Device, dict[str, Rule], Changes]:
    """The rules in force for a device, and which are its own.

    Raises
    ------
    NotFoundError
        The device is not theirs to see.
    """
    device = get_visible_device(session, principal, device_id)
    by_type = queries.type_changes(session, [device.device_type]).get(device.device_type, {})
    own = queries.device_changes(session, [device.id]).get(device.id, {})
    return device, merged(by_type, own), own


def set_for_type(session: Session, principal: Principal, device_type: str, changes: Changes) -> None:
    """Give a type of device limits of its own, in place of those it had; none: the defaults again.

    Raises
    ------
    ForbiddenError
        Only administrators may: it concerns every shop.
    InvalidInputError
        The limits contradict each other, or what the sensor can measure.
    """
    if not principal.may("threshold.manage", None):
        raise ForbiddenError("Limits of a type concern every shop: only administrators set them.")
    _check(merged(changes), changes)
    now = utc_now()
    queries.replace_changes(
        session, changes, device_type=device_type, device_id=None, user_id=principal.user_id, now=now
    )
    queries.add_work_of_type(session, device_type, now - LOOK_BACK)
    _changed(session, principal, f"device_type:{device_type}", None, changes)


def set_for_device(
    session: Session, principal: Principal, device_id: str, changes: Changes
) -> tuple[Device, dict[str, Rule]]:
    """Give a device limits of its own, in place of those it had; none: those of its type again.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device is not theirs to see, or to set limits for.
    InvalidInputError
        The limits contradict each other, or what the sensor can measure.
    """
    device = get_visible_device(session, principal, device_id)
    shop_id = session.get_one(Machine, device.machine_id).shop_id
    principal.require("threshold.manage", shop_id)
    by_type = queries.type_changes(session, [device.device_type]).get(device.device_type, {})
    rules = merged(by_type, changes)
    _check(rules, changes)
    now = utc_now()
    queries.replace_changes(
        session, changes, device_type=None, device_id=device.id, user_id=principal.user_id, now=now
    )
    queries.add_work(session, [device.id], [now - LOOK_BACK])
    _changed(session, principal, f"device:{device_id}", shop_id, changes)
    return device, rules


def excursions(
    session: Session, principal: Principal, *, device_id: str | None, span: timedelta, limit: int
) -> list[tuple[Excursion, str]]:
    """What was beyond its limit lately, newest first, each with the device's name.

    Raises
    ------
    NotFoundError
        The device is not theirs to see.
    """
    key = None if device_id is None else get_visible_device(session, principal, device_id).id
    return queries.excursions(
        session, shop_ids=principal.shop_ids, device_id=key, since=utc_now() - span, limit=limit
    )


def _check(rules: Mapping[str, Rule], changes: Changes) -> None:
    found = flaws(list(rules.values()))
    own = [flaw for flaw in found if flaw[0] in changes] or found
    if own:
        errors = [{"field": f"thresholds.{name}.{field}", "message": text} for name, field, text in own]
        raise InvalidInputError(f"{errors[0]['field']}: {errors[0]['message']}", errors=errors)


def _changed(
    session: Session, principal: Principal, subject: str, shop_id: int | None, changes: Changes
) -> None:
    audit.record(
        session,
        "threshold.changed",
        user_id=principal.user_id,
        subject=subject,
        shop_id=shop_id,
        detail={"thresholds": changes},
    )
    after_commit(session, watching.hint)
