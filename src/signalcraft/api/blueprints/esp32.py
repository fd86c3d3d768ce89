"""What nodes send and ask: addresses, headers and fields that deployed firmware has burnt in."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, cast

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from signalcraft.accounts.access import NotAllowedError
from signalcraft.acoustics import reception
from signalcraft.api import readings
from signalcraft.api.access import device, principal, sign_in_required, user
from signalcraft.api.bodies import BoundedRequest, body_limit, lenient_json, read_body, unreadable_numbers
from signalcraft.api.callers import caller
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.request_ids import unlogged
from signalcraft.api.schemas import (
    AudioReceived,
    FeaturesReceived,
    NodeConfig,
    NodeStatuses,
    RecentFeatures,
    Registered,
)
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError, UnauthenticatedError
from signalcraft.fleet import commands, node_settings, state_queries
from signalcraft.fleet import service as fleet
from signalcraft.fleet.admission import admit_one
from signalcraft.fleet.light import device_status
from signalcraft.fleet.models import Device
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry import service as telemetry
from signalcraft.telemetry.batches import of_reading
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.times import Moment
from signalcraft.telemetry.wire import FeatureMessage, Label

blueprint = APIBlueprint(
    "esp32",
    __name__,
    url_prefix="/api/esp32",
    abp_tags=[Tag(name="Nodes", description="What ESP32 nodes send and ask")],
    abp_responses=PROBLEM_RESPONSES,
)

SampleRate = Annotated[int, Field(ge=8000, le=192_000, description="Hz")]


def utf8_header(value: object) -> object:
    """WSGI hands headers over as Latin-1; firmware that writes a Korean place name sends UTF-8."""
    try:
        return value.encode("latin-1").decode() if isinstance(value, str) else value
    except UnicodeError:
        return value


HeaderText = Annotated[Label, BeforeValidator(utf8_header)]


class Registration(BaseModel):
    """A node introduces itself."""

    device_id: DeviceId
    sample_rate: SampleRate = 16_000


class AudioHeaders(BaseModel):
    """What describes the raw sound in the body."""

    device_id: DeviceId = Field(alias="X-Device-ID")
    sample_rate_hz: SampleRate = Field(alias="X-Sample-Rate")
    millis: str | None = Field(
        None,
        max_length=64,
        alias="X-Timestamp",
        description="Milliseconds since boot, from the oldest firmware; not a time.",
    )
    bits_per_sample: int = Field(
        alias="X-Bits-Per-Sample", ge=16, le=16, description="16; optional beside X-Timestamp."
    )
    measured_at: Moment | None = Field(None, alias="X-Measured-At")
    synthetic: bool = Field(False, alias="X-Synthetic", description="The sound is simulated.")
    priority: reception.Priority = Field("normal", alias="X-Priority")

    @model_validator(mode="before")
    @classmethod
    def _oldest_firmware(cls, headers: dict[str, Any]) -> dict[str, Any]:
        """The oldest firmware, which alone sends X-Timestamp, does not name its 16 bits."""
        return {"X-Bits-Per-Sample": 16, **headers} if headers.get("X-Timestamp") else headers


class FeatureHeaders(BaseModel):
    """Who sends the features; the header wins over the body."""

    device_id: DeviceId | None = Field(None, alias="X-Device-ID")
    store_type: HeaderText | None = Field(None, alias="X-Store-Type")
    location: HeaderText | None = Field(None, alias="X-Location")
    measured_at: Moment | None = Field(None, alias="X-Measured-At")


class Pcm(RawModel):
    """Signed 16-bit little-endian mono samples without a header."""

    mimetypes: list[str] = ["application/octet-stream"]  # noqa: RUF012  # flask-openapi3's way to say it


class DeviceQuery(BaseModel):
    device_id: DeviceId


class StatusQuery(BaseModel):
    device_id: DeviceId | None = None


class RecentQuery(BaseModel):
    device_id: DeviceId | None = None
    limit: int = Field(50, ge=1, le=500)
    hours: int = Field(24, ge=1, le=168)


@blueprint.post("/register", responses={200: Registered})
@device
def register(body: Registration) -> dict[str, Any]:
    """Introduce a node. One that nobody knows waits to be claimed."""
    now = utc_now()
    with unit_of_work() as session:
        node = admit_one(session, caller(body.device_id), now=now)
        node.sample_rate_hz = body.sample_rate
    return {
        "success": True,
        "message": "Device registered",
        "device_id": body.device_id,
        "server_time": now.timestamp(),
    }


@blueprint.get("/config", responses={200: NodeConfig})
@device
def config(query: DeviceQuery) -> dict[str, Any]:
    """How a node should work. Deployed firmware calls this at boot in place of registering."""
    with unit_of_work() as session:
        node = admit_one(session, caller(query.device_id), now=utc_now())
        wanted = node_settings.wanted(session, node)
        messages = commands.deliver(session, [node.id]).get(node.id, [])
    return {
        "success": True,
        "device_id": node.device_id,
        "settings_version": wanted.version,
        "commands": messages,
        "config": {
            "upload_interval": wanted.upload_interval_s,
            "sample_rate": wanted.sample_rate_hz,
            "buffer_size": 1024,
            "max_retries": 3,
            "timeout": 10,
            "server_url": f"{request.host_url}api/esp32/audio/upload",
            "status_url": f"{request.host_url}api/esp32/status",
        },
    }


@blueprint.get("/status", responses={200: NodeStatuses})
@device
def status(query: StatusQuery) -> dict[str, Any]:
    """Whether a node is known and online; without a name, all nodes that the signed-in person may see."""
    if query.device_id is not None:
        with unit_of_work() as session:
            node = fleet.get_device(session, query.device_id)
            rhythms = state_queries.rhythms(session, [node.id])
        return {"success": True, "device_status": _status(node, rhythms)}
    try:
        person = sign_in_required()
    except UnauthenticatedError:
        raise InvalidInputError("Name the device, or sign in to list all.", field="device_id") from None
    if not person.holds("fleet.read"):
        raise NotAllowedError
    with unit_of_work() as session:
        nodes = [node for node, _ in fleet.list_devices(session, person)]
        rhythms = state_queries.rhythms(session, [node.id for node in nodes])
    statuses = {node.device_id: _status(node, rhythms) for node in nodes}
    return {"success": True, "devices": statuses, "total_devices": len(statuses)}


@blueprint.post("/audio/upload", responses={200: AudioReceived})
@device
@body_limit("pcm_limit_bytes")
def upload_audio(header: AudioHeaders, raw: Pcm) -> dict[str, Any]:
    """Receive a clip: raw signed 16-bit little-endian mono PCM. Pieces of old firmware become clips later."""
    pcm = read_body(cast(BoundedRequest, request))
    now = utc_now()
    with unit_of_work() as session:
        node = admit_one(session, caller(header.device_id), now=now)
        if header.synthetic:
            fleet.mark_synthetic(session, node)
        received = reception.receive_node_clip(
            session,
            node,
            pcm,
            sample_rate_hz=header.sample_rate_hz,
            bits_per_sample=header.bits_per_sample,
            measured_at=header.measured_at,
            synthetic=header.synthetic,
            priority=header.priority,
        )
    return {
        "success": True,
        "message": "Audio received",
        "device_id": header.device_id,
        "timestamp": now.timestamp(),
        "processing_status": received.state,
        "clip_id": received.clip_id,
        "analysis_id": received.analysis_id,
        "duration_s": received.duration_s,
    }


@blueprint.post("/features", responses={200: FeaturesReceived})
@device
@unlogged
@lenient_json
def receive_features(header: FeatureHeaders, body: FeatureMessage) -> dict[str, Any]:
    """Receive what field firmware computed on the node, with the bare `nan` it may print."""
    device_id = header.device_id or body.device_id
    if device_id is None:
        raise InvalidInputError("Name the device in X-Device-ID or device_id.", field="X-Device-ID")
    named = {"store_type": header.store_type, "location": header.location}
    message = body.model_copy(update={name: text for name, text in named.items() if text is not None})
    measured_at = header.measured_at or utc_now()
    reading = message.reading(unreadable_numbers(), measured_at=measured_at)
    readings.commit_one(of_reading(device_id, reading))
    return {
        "success": True,
        "message": "Features received",
        "device_id": device_id,
        "timestamp": body.timestamp,
        "data_size": request.content_length,
    }


@blueprint.get("/features/recent", responses={200: RecentFeatures})
@user("fleet.read")
def recent_features(query: RecentQuery) -> dict[str, Any]:
    """The newest feature messages, of one device or of all that the person may see."""
    with unit_of_work() as session:
        if query.device_id is not None:
            nodes = [fleet.get_visible_device(session, principal(), query.device_id)]
        else:
            nodes = [node for node, _ in fleet.list_devices(session, principal())]
        span = timedelta(hours=query.hours)
        readings = telemetry.recent_features(session, nodes, span=span, limit=query.limit)
    names = {node.id: node.device_id for node in nodes}
    data = [_features(reading, names[reading.device_id]) for reading in readings]
    return {"success": True, "data": data, "count": len(data)}


def _status(node: Device, rhythms: Mapping[int, float]) -> dict[str, Any]:
    is_online = device_status(node.last_seen_at, utc_now(), rhythms.get(node.id)) != "offline"
    return {
        "device_id": node.device_id,
        "status": "active" if is_online else "offline",
        "last_seen": iso(node.last_seen_at),
        "sample_rate": node.sample_rate_hz,
        "is_online": is_online,
    }


def _features(reading: Reading, device_id: str) -> dict[str, Any]:
    return {
        **(reading.extra or {}),
        "device_id": device_id,
        "received_at": iso(reading.received_at),
        "quality": reading.quality or {},
    }
