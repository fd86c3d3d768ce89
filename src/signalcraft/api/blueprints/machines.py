"""The machine page: its card, its readings as a chart, its analyses."""

from datetime import datetime, timedelta

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.acoustics import service as acoustics
from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.clock import EARLIEST, utc_now
from signalcraft.dashboards import service
from signalcraft.dashboards.schemas import AnalysesAnswer, MachineAnswer, ReadingsAnswer
from signalcraft.db.replica import read
from signalcraft.errors import InvalidInputError
from signalcraft.fleet import service as fleet
from signalcraft.telemetry import service as telemetry
from signalcraft.telemetry.schemas import Series
from signalcraft.texts import IsoMoment, RowId

blueprint = APIBlueprint(
    "machines",
    __name__,
    url_prefix="/api/machines",
    abp_tags=[Tag(name="Machines", description="What is known of one machine.")],
    abp_responses=PROBLEM_RESPONSES,
)

DEFAULT_SPAN = timedelta(hours=24)
LONGEST_SPAN = timedelta(days=400)
"""A year and a season to compare with; longer ranges are an export's business."""


class MachinePath(BaseModel):
    machine_id: RowId


class ReadingsQuery(BaseModel):
    from_: IsoMoment | None = Field(None, alias="from", description="Default: 24 hours before `to`.")
    to: IsoMoment | None = Field(None, description="Default: now.")
    points: int = Field(1200, ge=2, le=5000, description="Width of the chart; more readings are reduced.")


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
def readings(path: MachinePath, query: ReadingsQuery) -> Response:
    """Readings for a chart; where there are more than `points`, the extremes of equal time steps."""
    person = principal()
    start, end = _range(query)

    def chart(session: Session) -> Series:
        machine = fleet.get_machine(session, person, path.machine_id)
        devices = fleet.list_machine_devices(session, machine.id)
        return telemetry.series(session, devices, start=start, end=end, points=query.points)

    series = read(chart)
    return json_answer(
        ReadingsAnswer.model_validate(
            {
                "from": start,
                "to": end,
                "measured_at": series.measured_at,
                "fields": series.fields,
                "count": series.count,
                "reduced": series.reduced,
            }
        )
    )


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


def _range(query: ReadingsQuery) -> tuple[datetime, datetime]:
    for name, moment in (("from", query.from_), ("to", query.to)):
        if moment is not None and moment < EARLIEST:
            raise InvalidInputError("There are no readings before 2000.", field=name)
    end = query.to or utc_now()
    start = query.from_ or end - DEFAULT_SPAN
    if not timedelta(0) < end - start <= LONGEST_SPAN:
        raise InvalidInputError(
            f"The range must end after it begins and span at most {LONGEST_SPAN.days} days.", field="from"
        )
    return start, end
