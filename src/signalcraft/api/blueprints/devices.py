"""Devices: how they do, how they are to work, what they are told to do."""

from datetime import timedelta
from typing import Annotated, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.dashboards import devices as dashboards
from signalcraft.dashboards.device_schemas import (
    CommandAnswer,
    CommandList,
    DeviceCards,
    DeviceDetail,
    HealthAnswer,
    SettingsAnswer,
)
from signalcraft.db.replica import read
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import devices, node_settings
from signalcraft.fleet import service as fleet
from signalcraft.fleet.schemas import DeviceId
from signalcraft.texts import RowId, Whole

blueprint = APIBlueprint(
    "devices",
    __name__,
    url_prefix="/api/devices",
    abp_tags=[Tag(name="Devices", description="State, settings and commands of nodes")],
    abp_responses=PROBLEM_RESPONSES,
)

DeviceType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""What a device watches: `freezer`, `refrigerator`, `compressor`, or another word of the operator's."""

LONGEST_EXPIRY_S = 30 * 86_400


class DevicePath(BaseModel):
    device_id: DeviceId


class CommandPath(DevicePath):
    command_id: RowId


class DevicesQuery(BaseModel):
    shop_id: RowId | None = None
    machine_id: RowId | None = None


class CommandsQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _something(self) -> "_Change":
        if not any(value is not None for value in self.__dict__.values()):
            raise ValueError("say what to change")
        return self


class DeviceChange(_Change):
    """What is left out stays as it is."""

    device_type: DeviceType | None = None
    vibration_unit: Literal["g", "m/s2"] | None = Field(
        None, description="In which unit its acceleration arrives from now on."
    )


class SettingsChange(_Change):
    """What is left out stays as it is."""

    upload_interval_s: int | None = Field(
        None, ge=node_settings.SHORTEST_INTERVAL_S, le=node_settings.LONGEST_INTERVAL_S, strict=True
    )
    sample_rate_hz: Literal[8000, 16000, 22050, 32000, 44100, 48000] | None = None


class Order(BaseModel):
    """Something the node is to do once."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["calibrate", "restart"]
    expires_in_s: Annotated[int, Field(ge=60, le=LONGEST_EXPIRY_S, strict=True), Whole] = Field(
        3600, description="After that: never."
    )


@blueprint.get("", responses={200: DeviceCards})
@user("fleet.read")
def list_devices(query: DevicesQuery) -> Response:
    """The devices that the person may see, with state and health."""
    person = principal()
    cards = read(
        lambda session: dashboards.list_devices(
            session, person, shop_id=query.shop_id, machine_id=query.machine_id
        )
    )
    return json_answer(DeviceCards(devices=cards))


@blueprint.get("/<device_id>", responses={200: DeviceDetail})
@user("fleet.read")
def show(path: DevicePath) -> Response:
    """One device with its settings and its newest commands."""
    with unit_of_work() as session:
        answer = dashboards.show(session, principal(), path.device_id)
    return json_answer(answer)


@blueprint.patch("/<device_id>", responses={200: DeviceDetail})
@user("device.manage")
def change(path: DevicePath, body: DeviceChange) -> Response:
    """Say what a device watches, and in which unit it measures acceleration."""
    with unit_of_work() as session:
        devices.change(
            session,
            principal(),
            path.device_id,
            device_type=body.device_type,
            vibration_unit=body.vibration_unit,
        )
        answer = dashboards.show(session, principal(), path.device_id)
    return json_answer(answer)


@blueprint.get("/<device_id>/health", responses={200: HealthAnswer})
@user("fleet.read")
def health(path: DevicePath) -> Response:
    """The health score, 0 to 100, with each of its terms."""
    person = principal()
    return json_answer(read(lambda session: dashboards.device_health(session, person, path.device_id)))


@blueprint.get("/<device_id>/settings", responses={200: SettingsAnswer})
@user("fleet.read")
def settings(path: DevicePath) -> Response:
    """How a node is to work, and how far it has followed."""
    with unit_of_work() as session:
        device = fleet.get_visible_device(session, principal(), path.device_id)
        wanted = node_settings.wanted(session, device)
    return json_answer(SettingsAnswer(settings=dashboards.settings_out(wanted)))


@blueprint.patch("/<device_id>/settings", responses={200: SettingsAnswer})
@user("device.manage")
def change_settings(path: DevicePath, body: SettingsChange) -> Response:
    """Have a node work otherwise; it is told at its next contact and confirms."""
    with unit_of_work() as session:
        device = fleet.get_visible_device(session, principal(), path.device_id)
        wanted = node_settings.change(
            session,
            principal(),
            device,
            upload_interval_s=body.upload_interval_s,
            sample_rate_hz=body.sample_rate_hz,
        )
    return json_answer(SettingsAnswer(settings=dashboards.settings_out(wanted)))


@blueprint.get("/<device_id>/commands", responses={200: CommandList})
@user("fleet.read")
def commands(path: DevicePath, query: CommandsQuery) -> Response:
    """What a node was told to do, newest first."""
    with unit_of_work() as session:
        found = devices.orders(session, principal(), path.device_id, limit=query.limit)
        answer = CommandList(commands=[dashboards.command_out(command) for command in found])
    return json_answer(answer)


@blueprint.post("/<device_id>/commands", responses={202: CommandAnswer})
@user("device.manage")
def order(path: DevicePath, body: Order) -> Response:
    """Have a node do something at its next contact; it confirms."""
    with unit_of_work() as session:
        _, command = devices.order(
            session, principal(), path.device_id, body.kind, expires_in=timedelta(seconds=body.expires_in_s)
        )
        answer = CommandAnswer(command=dashboards.command_out(command))
    return json_answer(answer, 202)


@blueprint.delete("/<device_id>/commands/<int:command_id>", responses={200: CommandAnswer})
@user("device.manage")
def cancel(path: CommandPath) -> Response:
    """Take back a command that the node has not confirmed; one that is sent already may still be done."""
    with unit_of_work() as session:
        _, command = devices.cancel_order(session, principal(), path.device_id, path.command_id)
        answer = CommandAnswer(command=dashboards.command_out(command))
    return json_answer(answer)
