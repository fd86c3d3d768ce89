"""Readings of a device: as a chart, as a file; the newest of a shop."""

from threading import BoundedSemaphore
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.ranges import ChartQuery, RangeQuery
from signalcraft.audit import service as audit
from signalcraft.dashboards import latest as dashboards
from signalcraft.dashboards.schemas import LatestAnswer, ReadingsAnswer, readings_answer
from signalcraft.db.replica import read
from signalcraft.db.session import unit_of_work
from signalcraft.errors import UnavailableError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry import series as charts
from signalcraft.telemetry.export import MEDIA_TYPES, Format, export
from signalcraft.telemetry.schemas import Series
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "series",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Readings", description="Temperature, vibration, power and sound level over time")],
    abp_responses=PROBLEM_RESPONSES,
)

EXPORTS_AT_ONCE = 2
"""Of one process: each keeps a thread busy for seconds, and single readings must go on being answered."""

_exports = BoundedSemaphore(EXPORTS_AT_ONCE)

_FILE: dict[Any, Any] = {
    200: {"content": {media: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}}
}


class DevicePath(BaseModel):
    device_id: DeviceId


class ShopPath(BaseModel):
    shop_id: RowId


class ExportQuery(RangeQuery):
    format: Format = Field("csv", description="`parquet` is a fifth of the size.")


@blueprint.get("/devices/<device_id>/readings", responses={200: ReadingsAnswer})
@user("fleet.read")
def readings(path: DevicePath, query: ChartQuery) -> Response:
    """One device's readings for a chart; where there are more than `points`, the extremes of time steps."""
    person = principal()
    start, end = query.range()

    def chart(session: Session) -> Series:
        device = fleet.get_visible_device(session, person, path.device_id)
        return charts.series(session, [device], start=start, end=end, points=query.points)

    return json_answer(readings_answer(read(chart), start, end))


@blueprint.get("/devices/<device_id>/readings/export", responses=_FILE)
@user("export.read")
def export_readings(path: DevicePath, query: ExportQuery) -> Response:
    """Every reading of a range that is still kept, as a file."""
    person = principal()
    start, end = query.range()
    with unit_of_work() as session:
        device = fleet.get_visible_device(session, person, path.device_id)
        machine = fleet.get_machine(session, person, device.machine_id)
        person.require("export.read", machine.shop_id)
    if not _exports.acquire(blocking=False):
        raise UnavailableError("Other exports are under way; ask again in a moment.")
    try:
        with unit_of_work() as session:
            audit.record(
                session,
                "readings.exported",
                user_id=person.user_id,
                subject=f"device:{device.device_id}",
                shop_id=machine.shop_id,
                detail={"from": start.isoformat(), "to": end.isoformat(), "format": query.format},
            )
    except BaseException:
        _exports.release()
        raise
    file = export(device, query.format, start=start, end=end)
    response = Response(file, mimetype=MEDIA_TYPES[query.format])
    response.call_on_close(_exports.release)
    name = f"{device.device_id}-{start:%Y%m%dT%H%M%SZ}-{end:%Y%m%dT%H%M%SZ}.{query.format}".replace(":", "-")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/shops/<int:shop_id>/latest", responses={200: LatestAnswer})
@user("fleet.read")
def latest(path: ShopPath) -> Response:
    """The newest values of every machine of a shop."""
    person = principal()
    return json_answer(read(lambda session: dashboards.latest(session, person, path.shop_id)))
