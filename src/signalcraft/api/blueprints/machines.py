"""The machine page: its card, its readings as a chart, its analyses."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.acoustics import service as acoustics
from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.ranges import ChartQuery
from signalcraft.dashboards import service
from signalcraft.dashboards.schemas import AnalysesAnswer, MachineAnswer, ReadingsAnswer, readings_answer
from signalcraft.db.replica import read
from signalcraft.fleet import service as fleet
from signalcraft.telemetry import series as charts
from signalcraft.telemetry.schemas import Series
from signalcraft.texts import IsoMoment, RowId

blueprint = APIBlueprint(
    "machines",
    __name__,
    url_prefix="/api/machines",
    abp_tags=[Tag(name="Machines", description="What is known of one machine.")],
    abp_responses=PROBLEM_RESPONSES,
)


class MachinePath(BaseModel):
    machine_id: RowId


class AnalysesQuery(BaseModel):
    limit: int = Field(100, ge=1, le=1000)
    before: IsoMoment | None = Field(None, description="Only sound heard before this moment.")


@blueprint.get("/<int:machine_id>", responses={200: MachineAnswer})
@user("fleet.read")
def show(path: MachinePath) -> Response:
    """One machine as the overview shows it."""
    person = principal()
    return json_answer(read(lambda session: service.machine(session, person, path.machine_id)))


@blueprint.get("/<int:machine_id>/readings", responses={200: ReadingsAnswer})
@user("fleet.read")
def readings(path: MachinePath, query: ChartQuery) -> Response:
    """Readings for a chart; where there are more than `points`, the extremes of equal time steps."""
    person = principal()
    start, end = query.range()

    def chart(session: Session) -> Series:
        machine = fleet.get_machine(session, person, path.machine_id)
        devices = fleet.list_machine_devices(session, machine.id)
        return charts.series(session, devices, start=start, end=end, points=query.points)

    return json_answer(readings_answer(read(chart), start, end))


@blueprint.get("/<int:machine_id>/analyses", responses={200: AnalysesAnswer})
@user("fleet.read")
def analyses(path: MachinePath, query: AnalysesQuery) -> Response:
    """Finished analyses, newest sound first."""
    person = principal()

    def newest(session: Session) -> AnalysesAnswer:
        machine = fleet.get_machine(session, person, path.machine_id)
        found = acoustics.list_machine_analyses(session, machine.id, limit=query.limit, before=query.before)
        return AnalysesAnswer(analyses=found)

    return json_answer(read(newest))
