"""Readings of HTTP sensor clients, and the queries that people's programs make of them."""

from datetime import timedelta
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.api.access import device, principal, user
from signalcraft.api.bodies import lenient_json, unreadable_numbers
from signalcraft.api.callers import caller
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.schemas import DeviceList, SensorDataReceived, SensorHistory
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import repeated, unit_of_work
from signalcraft.fleet import service as fleet
from signalcraft.fleet.admission import admit_one
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry import service as telemetry
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.wire import SensorData

blueprint = APIBlueprint(
    "iot",
    __name__,
    url_prefix="/api/iot",
    abp_tags=[Tag(name="Sensors", description="Temperature, vibration, power")],
    abp_responses=PROBLEM_RESPONSES,
)

ONLINE_WITHIN = timedelta(seconds=300)
"""The old server's limit for this list."""


class DevicePath(BaseModel):
    device_id: DeviceId


class HistoryQuery(BaseModel):
    hours: int = Field(24, ge=1, le=24 * 366)
    limit: int = Field(1000, ge=1, le=10_000)


@blueprint.post("/sensors/data", responses={200: SensorDataReceived})
@device
@lenient_json
def receive_sensor_data(body: SensorData) -> dict[str, Any]:
    """Receive one reading. Sent again, it is not stored again."""
    now = utc_now()
    reading = body.reading(unreadable_numbers())

    def store(session: Session) -> None:
        node = admit_one(session, caller(body.device_id), now=now)
        telemetry.record(session, node, [reading])

    repeated(store)
    return {"success": True, "message": "Sensor data received", "timestamp": now.timestamp()}


@blueprint.get("/sensors/data/<device_id>", responses={200: SensorHistory})
@user("fleet.read")
def sensor_data(path: DevicePath, query: HistoryQuery) -> dict[str, Any]:
    """Readings of one device, newest first."""
    with unit_of_work() as session:
        node = fleet.get_visible_device(session, principal(), path.device_id)
        readings, start, end = telemetry.recent_readings(
            session, node, span=timedelta(hours=query.hours), limit=query.limit
        )
    return {
        "success": True,
        "device_id": node.device_id,
        "vibration_unit": node.vibration_unit,
        "data": [_row(reading, node.device_id) for reading in readings],
        "count": len(readings),
        "time_range": {"start": iso(start), "end": iso(end), "hours": query.hours},
    }


@blueprint.get("/devices", responses={200: DeviceList})
@user("fleet.read")
def devices() -> dict[str, Any]:
    """The devices that the person may see."""
    now = utc_now()
    with unit_of_work() as session:
        found = fleet.list_devices(session, principal())
    return {
        "success": True,
        "devices": [
            {
                "device_id": node.device_id,
                "device_name": machine.name,
                "status": "online" if now - node.last_seen_at < ONLINE_WITHIN else "offline",
                "last_seen": iso(node.last_seen_at),
                "firmware_version": node.firmware_version,
                "is_online": now - node.last_seen_at < ONLINE_WITHIN,
                "unauthenticated": node.unauthenticated,
            }
            for node, machine in found
        ],
    }


def _row(reading: Reading, device_id: str) -> dict[str, Any]:
    """A reading under the old server's names."""
    return {
        "device_id": device_id,
        "timestamp": reading.measured_at.timestamp(),
        "temperature": reading.temperature_c,
        "vibration_x": reading.vibration_x,
        "vibration_y": reading.vibration_y,
        "vibration_z": reading.vibration_z,
        "power_consumption": reading.power_percent,
        "audio_level": reading.audio_level,
        "sensor_quality": reading.sensor_quality,
        "quality": reading.quality or {},
        "created_at": iso(reading.received_at),
    }
