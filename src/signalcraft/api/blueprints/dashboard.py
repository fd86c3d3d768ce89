"""The first screen."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.dashboards import service
from signalcraft.dashboards.schemas import Overview
from signalcraft.db.replica import read

blueprint = APIBlueprint(
    "dashboard",
    __name__,
    url_prefix="/api/dashboard",
    abp_tags=[Tag(name="Dashboard", description="What people's screens start from.")],
    abp_responses=PROBLEM_RESPONSES,
)


@blueprint.get("/overview", responses={200: Overview})
@user("fleet.read")
def overview() -> Response:
    """Shops and machines with their lights, newest values and open alarms.

    One snapshot: open the event stream with its `last_event_id`, and nothing is missed or told twice.
    """
    person = principal()
    return json_answer(read(lambda session: service.overview(session, person)))
