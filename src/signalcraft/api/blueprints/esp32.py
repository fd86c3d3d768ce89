"""What nodes send and ask (deployed firmware knows these addresses), and what people ask about nodes."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from flask import current_app, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from signalcraft.accounts.access import Principal
from signalcraft.acoustics import reception
from signalcraft.api.access import device, principal, signed_in_person, user
from signalcraft.api.bodies import lenient_json, read_body, unreadable_numbers
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError, UnauthenticatedError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.models import Device
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry import service as telemetry
from signalcraft.telemetry.times import Moment
from signalcraft.telemetry.wire import FeatureMessage, Label

blueprint = APIBlueprint(
    "esp32",
    __name__,
    url_prefix="/api/esp32",
    abp_tags=[Tag(name="Nodes")],
    abp_responses=PROBLEM_RESPONSES,
)

ONLINE_WITHIN = timedelta(seconds=60)
"""The old server's limit for this answer."""

SampleRate = Annotated[int, Field(ge=8000, le=192_000, description="Hz")]
