"""Firmware for the operator: images and staged roll-outs."""

from typing import Annotated, Any, cast

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.blueprints.esp32 import utf8_header
from signalcraft.api.bodies import BoundedRequest, body_limit, read_body
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.firmware import images, rollouts, service
from signalcraft.fleet.firmware.schemas import (
    Hardware,
    ImageAnswer,
    ImageList,
    ImageOut,
    RolloutAnswer,
    RolloutDetail,
    RolloutList,
    Version,
)
from signalcraft.texts import RowId, StrictRowId, Whole

blueprint = APIBlueprint(
    "firmware",
    __name__,
    url_prefix="/api/firmware",
    abp_tags=[Tag(name="Firmware", description="Images and roll-outs")],
    abp_responses=PROBLEM_RESPONSES,
)

ShopId = StrictRowId
Changelog = Annotated[str, StringConstraints(max_length=2000), BeforeValidator(utf8_header)]


class ImageHeaders(BaseModel):
    """What the image in the body is."""

    version: Version = Field(alias="X-Firmware-Version")
    hardware: Hardware = Field(images.DEFAULT_HARDWARE, alias="X-Firmware-Hardware")
    build_number: int | None = Field(None, ge=0, lt=2**31, alias="X-Firmware-Build")
    sha256: str = Field(alias="X-SHA256", pattern=r"^[0-9A-Fa-f]{64}$", description="Of the body, hex.")
    signature: str = Field(
        alias="X-Firmware-Signature",
        min_length=1,
        max_length=200,
        description="Ed25519 over five lines: `signalcraft-firmware-1`, board, version, length, SHA-256.",
    )
    changelog: Changelog = Field("", alias="X-Firmware-Changelog")
    stable: bool = Field(True, alias="X-Firmware-Stable")


class Image(RawModel):
    """An ESP32 application image."""

    mimetypes: list[str] = ["application/octet-stream"]  # noqa: RUF012  # flask-openapi3's way to say it


class NewRollout(BaseModel):
    """Which nodes are to get an image."""

    model_config = ConfigDict(extra="forbid")

    image_id: StrictRowId
    percent: Annotated[int, Field(ge=1, le=100, strict=True), Whole]
    shop_ids: list[ShopId] | None = Field(None, min_length=1, max_length=1000, description="Null: all shops.")
    failure_share: float = Field(
        0.1, ge=0, le=1, allow_inf_nan=False, description="Failed of finished updates that are too many."
    )
    failure_minimum: Annotated[int, Field(ge=1, le=1000, strict=True), Whole] = Field(
        2, description="Fewer failures prove nothing."
    )


class Widening(BaseModel):
    model_config = ConfigDict(extra="forbid")

    percent: Annotated[int, Field(ge=1, le=100, strict=True), Whole]


class Ending(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(None, max_length=500)


class RolloutPath(BaseModel):
    rollout_id: RowId


@blueprint.get("/images", responses={200: ImageList})
@user("fleet.read")
def list_images() -> Response:
    """Every image, newest first."""
    with unit_of_work() as session:
        found = [ImageOut.of(image) for image in images.list_images(session)]
    return json_answer(ImageList(images=found))


@blueprint.post("/images", responses={201: ImageAnswer})
@user("firmware.manage")
@body_limit("firmware_limit_bytes")
def upload(header: ImageHeaders, raw: Image) -> Response:
    """Take in an image if its SHA-256 and its signature are right. Administrators only."""
    data = read_body(cast(BoundedRequest, request))
    with unit_of_work() as session:
        image = images.add(
            session,
            principal(),
            data,
            version=header.version,
            build_number=header.build_number,
            hardware=header.hardware,
            signature=header.signature,
            sha256_hex=header.sha256,
            changelog=header.changelog,
            stable=header.stable,
        )
        answer = ImageAnswer(image=ImageOut.of(image))
    return json_answer(answer, 201)


@blueprint.get("/rollouts", responses={200: RolloutList})
@user("firmware.manage")
def list_rollouts() -> Response:
    """The newest roll-outs and how they go. Administrators only."""
    principal().require("firmware.manage", None)
    with unit_of_work() as session:
        answer = RolloutList(rollouts=service.list_rollouts(session))
    return json_answer(answer)


@blueprint.post("/rollouts", responses={201: RolloutAnswer})
@user("firmware.manage")
def create_rollout(body: NewRollout) -> Response:
    """Begin to bring an image to a share of the nodes. Administrators only."""
    with unit_of_work() as session:
        rollout = rollouts.create(session, principal(), **cast(dict[str, Any], dict(body)))
        answer = RolloutAnswer(rollout=service.rollout_out(session, rollout))
    return json_answer(answer, 201)


@blueprint.get("/rollouts/<int:rollout_id>", responses={200: RolloutDetail})
@user("firmware.manage")
def show_rollout(path: RolloutPath) -> Response:
    """A roll-out with each node's update. Administrators only."""
    principal().require("firmware.manage", None)
    with unit_of_work() as session:
        answer = service.rollout_detail(session, path.rollout_id)
    return json_answer(answer)


@blueprint.patch("/rollouts/<int:rollout_id>", responses={200: RolloutAnswer})
@user("firmware.manage")
def widen(path: RolloutPath, body: Widening) -> Response:
    """Bring the image to a larger share of the nodes. Administrators only."""
    with unit_of_work() as session:
        rollout = rollouts.widen(session, principal(), path.rollout_id, percent=body.percent)
        answer = RolloutAnswer(rollout=service.rollout_out(session, rollout))
    return json_answer(answer)


@blueprint.post("/rollouts/<int:rollout_id>/stop", responses={200: RolloutAnswer})
@user("firmware.manage")
def stop(path: RolloutPath, body: Ending) -> Response:
    """Begin no further updates; what is installed stays. Administrators only."""
    with unit_of_work() as session:
        rollout = rollouts.stop(session, principal(), path.rollout_id, reason=body.reason)
        answer = RolloutAnswer(rollout=service.rollout_out(session, rollout))
    return json_answer(answer)


@blueprint.post("/rollouts/<int:rollout_id>/rollback", responses={200: RolloutAnswer})
@user("firmware.manage")
def roll_back(path: RolloutPath, body: Ending) -> Response:
    """Stop, and send every node that has it back to the version that it had. Administrators only."""
    with unit_of_work() as session:
        rollout = rollouts.roll_back(session, principal(), path.rollout_id, reason=body.reason)
        answer = RolloutAnswer(rollout=service.rollout_out(session, rollout))
    return json_answer(answer)
