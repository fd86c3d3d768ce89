"""Keys of nodes: how a node is let in, and how it gets its key."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from signalcraft.api.access import device, principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.callers import caller
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import claims, keys
from signalcraft.fleet.models import ClaimCode
from signalcraft.fleet.schemas import (
    AdmissionAnswer,
    AdmissionIn,
    Answer,
    ClaimCodeAnswer,
    ClaimCodeIn,
    ClaimCodeList,
    ClaimCodeOut,
    DeviceAdmission,
    DeviceId,
    DeviceKeyAnswer,
    DeviceKeyList,
    DeviceKeyOut,
    IssuedKeyAnswer,
    NodeClaimed,
    NodeClaimIn,
)
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "device_keys",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Keys of nodes", description="Which nodes are let in, and as whom")],
    abp_responses=PROBLEM_RESPONSES,
)


class DevicePath(BaseModel):
    device_id: DeviceId


class KeyPath(DevicePath):
    key_id: RowId


class CodePath(BaseModel):
    code_id: RowId


class CodesQuery(BaseModel):
    shop_id: RowId


@blueprint.get("/devices/<device_id>/keys", responses={200: DeviceKeyList})
@user("device.manage")
def list_keys(path: DevicePath) -> Response:
    """How a device is let in, and its keys, newest first."""
    with unit_of_work() as session:
        node, found = keys.list_keys(session, principal(), path.device_id)
    return json_answer(
        DeviceKeyList(
            device=DeviceAdmission.model_validate(node),
            keys=[DeviceKeyOut.model_validate(key) for key in found],
        )
    )


@blueprint.post("/devices/<device_id>/keys", responses={201: IssuedKeyAnswer})
@user("device.manage")
def issue_key(path: DevicePath) -> Response:
    """Make a key. The one in use is accepted until ten minutes after the new one was shown first."""
    with unit_of_work() as session:
        key, secret = keys.issue_key(session, principal(), path.device_id)
    return json_answer(IssuedKeyAnswer(key=DeviceKeyOut.model_validate(key), secret=secret), 201)


@blueprint.delete("/devices/<device_id>/keys/<int:key_id>", responses={200: DeviceKeyAnswer})
@user("device.manage")
def revoke_key(path: KeyPath) -> Response:
    """Refuse a key from the next message on."""
    with unit_of_work() as session:
        key = keys.revoke_key(session, principal(), path.device_id, path.key_id)
    return json_answer(DeviceKeyAnswer(key=DeviceKeyOut.model_validate(key)))


@blueprint.put("/devices/<device_id>/admission", responses={200: AdmissionAnswer})
@user("device.admit")
def set_admission(path: DevicePath, body: AdmissionIn) -> Response:
    """Say whether a device shows a key, cannot and sends from some networks only, or is blocked."""
    with unit_of_work() as session:
        node = keys.set_admission(session, principal(), path.device_id, body.admission, body.networks)
    return json_answer(AdmissionAnswer(device=DeviceAdmission.model_validate(node)))


@blueprint.get("/claim-codes", responses={200: ClaimCodeList})
@user("device.admit")
def list_claim_codes(query: CodesQuery) -> Response:
    """The newest claim codes of a shop, used or not."""
    with unit_of_work() as session:
        found = claims.list_codes(session, principal(), query.shop_id)
    return json_answer(ClaimCodeList(claim_codes=[_code(code, device_id) for code, device_id in found]))


@blueprint.post("/claim-codes", responses={201: ClaimCodeAnswer})
@user("device.admit")
def make_claim_code(body: ClaimCodeIn) -> Response:
    """Make a code with which one node becomes a machine of the shop, within the hour."""
    with unit_of_work() as session:
        code, text = claims.make_code(
            session, principal(), shop_id=body.shop_id, machine_name=body.machine_name
        )
    return json_answer(ClaimCodeAnswer(claim_code=_code(code, None), code=text), 201)


@blueprint.delete("/claim-codes/<int:code_id>", responses={200: Answer})
@user("device.admit")
def withdraw_claim_code(path: CodePath) -> Response:
    """Make a code useless."""
    with unit_of_work() as session:
        claims.withdraw_code(session, principal(), path.code_id)
    return json_answer(Answer())


@blueprint.post("/esp32/claim", responses={201: NodeClaimed})
@device
@limited("claim")
def claim_by_code(body: NodeClaimIn) -> Response:
    """A node shows a claim code, becomes a machine of the code's shop, and is told its key once."""
    with unit_of_work() as session:
        claimed = claims.claim(session, caller(body.device_id), body.claim_code)
    return json_answer(
        NodeClaimed(
            device_id=claimed.device.device_id,
            machine_id=claimed.machine.id,
            machine_name=claimed.machine.name,
            key=claimed.secret,
        ),
        201,
    )


def _code(code: ClaimCode, device_id: str | None) -> ClaimCodeOut:
    return ClaimCodeOut(
        id=code.id,
        shop_id=code.shop_id,
        machine_name=code.machine_name,
        created_at=code.created_at,
        expires_at=code.expires_at,
        used_at=code.used_at,
        device_id=device_id,
    )
