"""Readings of HTTP sensor clients, and the queries that people's programs make of them."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.api import readings
from signalcraft.api.access import device, principal, user
from signalcraft.api.bodies import body_limit, lenient_json, unreadable_numbers
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.request_ids import unlogged
from signalcraft.api.schemas import BatchReceived, DeviceList, SensorDataReceived, SensorHistory
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError
from signalcraft.fleet import service as fleet
from signalcraft.fleet import state_queries
from signalcraft.fleet.light import device_status
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry import service as telemetry
from signalcraft.telemetry.batches import of_reading
from signalcraft.telemetry.formats import MEDIA_TYPES
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.wire import SensorData

blueprint = APIBlueprint(
    "iot",
    __name__,
    url_prefix="/api/iot",
    abp_tags=[Tag(name="Sensors", description="Temperature, vibration, power")],
    abp_responses=PROBLEM_RESPONSES,
)


class DevicePath(BaseModel):
    device_id: DeviceId


class HistoryQuery(BaseModel):
    hours: int = Field(24, ge=1, le=24 * 366)
    limit: int = Field(1000, ge=1, le=10_000)


class BatchBody(RawModel):
    """Up to 5,000 readings: a JSON array, a JSON document a line, or a CBOR array; gzip or zstd."""

    mimetypes: list[str] = list(MEDIA_TYPES)  # noqa: RUF012  # flask-openapi3's way to say it


@blueprint.post("/sensors/data", responses={200: SensorDataReceived})
@device
@unlogged
@lenient_json
def receive_sensor_data(body: SensorData) -> dict[str, Any]:
    """Receive one reading. Sent again, it is not stored again."""
    readings.commit_one(of_reading(body.device_id, body.reading(unreadable_numbers())))
    return {"success": True, "message": "Sensor data received", "timestamp": utc_now().timestamp()}


@blueprint.post("/sensors/data/batch", responses={200: BatchReceived})
@device
@unlogged
@body_limit("batch_limit_bytes")
def receive_batch(raw: BatchBody) -> dict[str, Any]:
    """Receive up to 5,000 readings of any nodes: those that are sound are stored, the others are named.

    An error's `index` is the reading's place in the body, from 0. Where none is sound the answer is 422.
    """
    received = readings.receive_batch()
    if not received.stored + received.duplicates:
        raise InvalidInputError("No reading of the batch could be stored.", errors=received.errors)
    return {"success": True, **asdict(received)}


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
        rhythms = state_queries.rhythms(session, [node.id for node, _ in found])
    online = {
        node.id: device_status(node.last_seen_at, now, rhythms.get(node.id)) != "offline" for node, _ in found
    }
    return {
        "success": True,
        "devices": [
            {
                "device_id": node.device_id,
                "device_name": machine.name,
                "status": "online" if online[node.id] else "offline",
                "last_seen": iso(node.last_seen_at),
                "firmware_version": node.firmware_version,
                "is_online": online[node.id],
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
