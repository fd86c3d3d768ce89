"""What nodes tell of themselves and confirm, over HTTP: the same as over their WebSocket."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from signalcraft.api.access import device
from signalcraft.api.answers import json_answer
from signalcraft.api.callers import admitted
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import commands, states
from signalcraft.fleet.firmware import updates
from signalcraft.fleet.firmware.schemas import CommandConfirmed, Hardware, ProgressReceived, Version
from signalcraft.fleet.schemas import DeviceId
from signalcraft.texts import RowId, Whole

blueprint = APIBlueprint(
    "nodes",
    __name__,
    url_prefix="/api/esp32",
    abp_tags=[Tag(name="Nodes", description="What ESP32 nodes send and ask")],
    abp_responses=PROBLEM_RESPONSES,
)


class CommandPath(BaseModel):
    command_id: RowId


class Heartbeat(BaseModel):
    """What a node tells of itself; what is left out is not told."""

    model_config = ConfigDict(extra="forbid", strict=True)

    device_id: DeviceId
    boot_id: int | None = Field(None, ge=0, le=2**53 - 1, description="Drawn at each start.")
    uptime_ms: int | None = Field(None, ge=0, le=2**53 - 1)
    rssi_dbm: int | None = Field(None, ge=-127, le=20)
    free_heap_bytes: int | None = Field(None, ge=0, lt=2**40)
    firmware_version: Version | None = None
    hardware_version: Hardware | None = None


class HeartbeatReceived(BaseModel):
    success: Literal[True] = True
    device_id: str
    commands: list[dict[str, Any]] = Field(description="What the node is to do, and to confirm.")


class Progress(BaseModel):
    """What a node says of its update."""

    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    state: updates.Reported
    progress: Annotated[int, Field(ge=0, le=100, strict=True), Whole] | None = Field(None, description="%")
    error: str | None = Field(None, max_length=500)


class Confirmation(BaseModel):
    """What a node says of a command."""

    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    success: bool = Field(strict=True)
    message: str | None = Field(None, max_length=500)


@blueprint.post("/heartbeat", responses={200: HeartbeatReceived})
@device
def heartbeat(body: Heartbeat) -> Response:
    """A node tells of itself, and is told what it is to do."""
    told = body.model_dump(exclude={"device_id"})
    with unit_of_work() as session:
        node = admitted(session, body.device_id)
        states.note(session, [(node, states.Told(**told))])
        messages = commands.deliver(session, [node.id]).get(node.id, [])
    return json_answer(HeartbeatReceived(device_id=body.device_id, commands=messages))


@blueprint.post("/firmware/progress", responses={200: ProgressReceived})
@device
def progress(body: Progress) -> Response:
    """A node says how far its update is."""
    with unit_of_work() as session:
        node = admitted(session, body.device_id)
        found = updates.report(session, node, state=body.state, progress=body.progress, error=body.error)
        state, percent = found.state, found.progress
    return json_answer(
        ProgressReceived.model_validate({"device_id": body.device_id, "state": state, "progress": percent})
    )


@blueprint.post("/commands/<int:command_id>/ack", responses={200: CommandConfirmed})
@device
def confirm(path: CommandPath, body: Confirmation) -> Response:
    """A node says that it has done a command, or could not. Said again, it counts once."""
    with unit_of_work() as session:
        node = admitted(session, body.device_id)
        command = commands.acknowledged(
            session, node.id, path.command_id, succeeded=body.success, message=body.message
        )
    return json_answer(CommandConfirmed(command_id=command.id, state=command.state))
