"""Limits on readings: what they are, and setting them for a type of device or for one."""

from datetime import timedelta

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.blueprints.devices import DeviceType
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry.thresholds import service
from signalcraft.telemetry.thresholds.rules import UNITS, Rule, merged
from signalcraft.telemetry.thresholds.schemas import (
    DeviceThresholds,
    ExcursionList,
    ExcursionOut,
    ThresholdOut,
    ThresholdSet,
    ThresholdTypes,
    TypeThresholds,
)

blueprint = APIBlueprint(
    "thresholds",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Thresholds", description="Limits on readings")],
    abp_responses=PROBLEM_RESPONSES,
)


class DevicePath(BaseModel):
    device_id: DeviceId


class TypePath(BaseModel):
    device_type: DeviceType


class ExcursionQuery(BaseModel):
    device_id: DeviceId | None = None
    hours: int = Field(24, ge=1, le=24 * 366)
    limit: int = Field(100, ge=1, le=1000)


@blueprint.get("/thresholds", responses={200: ThresholdTypes})
@user("fleet.read")
def defaults() -> Response:
    """The default limits, and those of each type of device that has its own."""
    with unit_of_work() as session:
        types = [_type(name, *service.of_type(session, name)) for name in service.types(session)]
    return json_answer(ThresholdTypes(defaults=_all(merged(), {}), types=types))


@blueprint.put("/thresholds/types/<device_type>", responses={200: TypeThresholds})
@user("threshold.manage", everywhere=True)
def set_type(path: TypePath, body: ThresholdSet) -> Response:
    """Give a type of device limits of its own; an empty set means the defaults. Administrators only."""
    with unit_of_work() as session:
        service.set_for_type(session, principal(), path.device_type, body.changes())
        answer = _type(path.device_type, *service.of_type(session, path.device_type))
    return json_answer(answer)


@blueprint.get("/devices/<device_id>/thresholds", responses={200: DeviceThresholds})
@user("fleet.read")
def of_device(path: DevicePath) -> Response:
    """The limits in force for a device."""
    with unit_of_work() as session:
        device, rules, own = service.of_device(session, principal(), path.device_id)
    return json_answer(
        DeviceThresholds(
            device_id=device.device_id, device_type=device.device_type, thresholds=_all(rules, own)
        )
    )


@blueprint.put("/devices/<device_id>/thresholds", responses={200: DeviceThresholds})
@user("threshold.manage")
def set_device(path: DevicePath, body: ThresholdSet) -> Response:
    """Give a device limits of its own; an empty set means those of its type."""
    changes = body.changes()
    with unit_of_work() as session:
        device, rules = service.set_for_device(session, principal(), path.device_id, changes)
    return json_answer(
        DeviceThresholds(
            device_id=device.device_id, device_type=device.device_type, thresholds=_all(rules, changes)
        )
    )


@blueprint.get("/thresholds/excursions", responses={200: ExcursionList})
@user("fleet.read")
def excursions(query: ExcursionQuery) -> Response:
    """Values that were beyond a limit, newest first; those that still are have no end."""
    with unit_of_work() as session:
        found = service.excursions(
            session,
            principal(),
            device_id=query.device_id,
            span=timedelta(hours=query.hours),
            limit=query.limit,
        )
    return json_answer(
        ExcursionList(
            excursions=[
                ExcursionOut.model_validate(
                    {
                        "id": one.id,
                        "device_id": name,
                        "name": one.name,
                        "field": one.field,
                        "unit": UNITS[one.field],  # type: ignore[index]
                        "severity": one.severity,
                        "limit": one.limit_value,
                        "value": one.value,
                        "since": one.since,
                        "confirmed_at": one.confirmed_at,
                        "ended_at": one.ended_at,
                    }
                )
                for one, name in found
            ]
        )
    )


def _type(name: str, rules: dict[str, Rule], changes: service.Changes) -> TypeThresholds:
    return TypeThresholds(device_type=name, thresholds=_all(rules, changes))


def _all(rules: dict[str, Rule], set_here: service.Changes) -> list[ThresholdOut]:
    return [ThresholdOut.of(rule, set_here=rule.name in set_here) for rule in rules.values()]
