"""Shops, the machines in them, and claiming a node for one."""

from typing import Any, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.schemas import ShopAnswer, ShopList
from signalcraft.dashboards import service as dashboards
from signalcraft.dashboards.schemas import MachineAnswer
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError
from signalcraft.fleet import administration
from signalcraft.fleet import service as fleet
from signalcraft.fleet.models import Shop
from signalcraft.fleet.schemas import DeviceId, Networks
from signalcraft.texts import Name, RowId, StrictRowId

blueprint = APIBlueprint(
    "fleet",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Fleet", description="Shops, machines, devices")],
    abp_responses=PROBLEM_RESPONSES,
)


class NewShop(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name


class Claim(BaseModel):
    """Which shop the node is in, and what its machine is called there."""

    model_config = ConfigDict(extra="forbid")

    shop_id: StrictRowId
    machine_name: Name
    admission: Literal["key", "keyless"] = Field(
        "key",
        description="Whether the node shows a key from now on, or cannot and sends from `networks` only.",
    )
    networks: Networks | None = None


class MachineChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    model: Name | None = Field(
        None, description="Maker and type: machines of one model lend each other what they have learned."
    )


class DevicePath(BaseModel):
    device_id: DeviceId


class MachinePath(BaseModel):
    machine_id: RowId


@blueprint.get("/shops", responses={200: ShopList})
@user("fleet.read")
def list_shops() -> dict[str, Any]:
    """The shops that the person may see."""
    with unit_of_work() as session:
        return {"success": True, "shops": [_shop(shop) for shop in fleet.list_shops(session, principal())]}


@blueprint.post("/shops", responses={201: ShopAnswer})
@user("shop.manage", everywhere=True)
def create_shop(body: NewShop) -> tuple[dict[str, Any], int]:
    """Open a shop; administrators only."""
    with unit_of_work() as session:
        shop = administration.create_shop(session, principal(), name=body.name, status="active")
    return {"success": True, "shop": _shop(shop)}, 201


@blueprint.post("/devices/<device_id>/claim", responses={200: MachineAnswer})
@user("device.claim", everywhere=True)
def claim_device(path: DevicePath, body: Claim) -> Response:
    """Give the machine of an unclaimed node to a shop, with all it has learned."""
    with unit_of_work() as session:
        machine = fleet.claim_device(
            session,
            principal(),
            path.device_id,
            shop_id=body.shop_id,
            machine_name=body.machine_name,
            admission=body.admission,
            networks=body.networks,
        )
    return _machine(machine.id)


@blueprint.patch("/machines/<int:machine_id>", responses={200: MachineAnswer})
@user("fleet.manage")
def change_machine(path: MachinePath, body: MachineChange) -> Response:
    """Call a machine by another name, or say which model it is; owners and administrators."""
    if body.name is None and body.model is None:
        raise InvalidInputError("Say what to change.", field="name")
    with unit_of_work() as session:
        fleet.change_machine(session, principal(), path.machine_id, name=body.name, model=body.model)
    return _machine(path.machine_id)


def _machine(machine_id: int) -> Response:
    with unit_of_work() as session:
        return json_answer(dashboards.machine(session, principal(), machine_id))


def _shop(shop: Shop) -> dict[str, Any]:
    return {"id": shop.id, "name": shop.name}
