"""The old server's questions about sensors, answered from maintained state and roll-ups."""

from datetime import date
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.clock import utc_now
from signalcraft.dashboards import sensors
from signalcraft.dashboards.sensor_schemas import (
    AnomalyList,
    SensorHealthAnswer,
    SensorHealthList,
    StatisticsAnswer,
    SystemStatusAnswer,
)
from signalcraft.db.replica import read
from signalcraft.fleet.schemas import DeviceId

blueprint = APIBlueprint(
    "iot_reads",
    __name__,
    url_prefix="/api/iot/sensors",
    abp_tags=[Tag(name="Sensors", description="Temperature, vibration, power")],
    abp_responses=PROBLEM_RESPONSES,
)


class DevicePath(BaseModel):
    device_id: DeviceId


class AnomaliesQuery(BaseModel):
    device_id: DeviceId | None = None
    hours: int = Field(24, ge=1, le=24 * 366)
    limit: int = Field(100, ge=1, le=1000)


class StatisticsQuery(BaseModel):
    day: date | None = Field(None, alias="date", description="UTC; today where it is left out.")


@blueprint.get("/health", responses={200: SensorHealthList})
@user("fleet.read")
def all_health() -> Response:
    """How the sensors of every device do."""
    person = principal()
    found = read(lambda session: sensors.sensor_health(session, person))
    return json_answer(SensorHealthList(devices=found, count=len(found)))


@blueprint.get("/health/<device_id>", responses={200: SensorHealthAnswer})
@user("fleet.read")
def one_health(path: DevicePath) -> Response:
    """How the sensors of one device do."""
    person = principal()
    found = read(lambda session: sensors.health_of_device(session, person, path.device_id))
    return json_answer(SensorHealthAnswer(device_id=path.device_id, health=found))


@blueprint.get("/anomalies", responses={200: AnomalyList})
@user("fleet.read")
def anomalies(query: AnomaliesQuery) -> Response:
    """Values beyond a limit for as long as it asks, newest first."""
    person = principal()
    filters: dict[str, Any] = query.model_dump()
    found = read(lambda session: sensors.anomalies(session, person, **filters))
    return json_answer(AnomalyList(anomalies=found, count=len(found), filters=filters))


@blueprint.get("/statistics/<device_id>", responses={200: StatisticsAnswer})
@user("fleet.read")
def statistics(path: DevicePath, query: StatisticsQuery) -> Response:
    """A day of a device."""
    person = principal()
    day = query.day or utc_now().date()
    found = read(lambda session: sensors.statistics(session, person, path.device_id, day))
    return json_answer(StatisticsAnswer(device_id=path.device_id, statistics=found))


@blueprint.get("/status", responses={200: SystemStatusAnswer})
@user("fleet.read")
def status() -> Response:
    """How many devices there are and how they do; what the database holds, for administrators."""
    person = principal()
    return json_answer(
        SystemStatusAnswer(system_status=read(lambda session: sensors.system_status(session, person)))
    )
