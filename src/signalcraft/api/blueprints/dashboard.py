"""The first screen, and the old dashboard's questions."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.dashboards import service, stores, summary
from signalcraft.dashboards.schemas import Overview
from signalcraft.dashboards.summary_schemas import (
    AnalyticsAnswer,
    StoreAnswer,
    StoreDeviceAnswer,
    StoreDeviceList,
    StoreList,
    SummaryAnswer,
)
from signalcraft.db.replica import read
from signalcraft.fleet.schemas import DeviceId
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "dashboard",
    __name__,
    url_prefix="/api/dashboard",
    abp_tags=[Tag(name="Dashboard", description="What people's screens start from.")],
    abp_responses=PROBLEM_RESPONSES,
)


class StorePath(BaseModel):
    store_id: RowId


class StoreQuery(BaseModel):
    store_id: RowId | None = None


class AnalyticsQuery(StoreQuery):
    days: int = Field(30, ge=1, le=366)


class DevicePath(BaseModel):
    device_id: DeviceId


@blueprint.get("/overview", responses={200: Overview})
@user("fleet.read")
def overview() -> Response:
    """Shops and machines with their lights, newest values and open alarms.

    One snapshot: open the event stream with its `last_event_id`, and nothing is missed or told twice.
    """
    person = principal()
    return json_answer(read(lambda session: service.overview(session, person)))


@blueprint.get("/summary", responses={200: SummaryAnswer})
@user("fleet.read")
def show_summary(query: StoreQuery) -> Response:
    """Counts, health, energy and trends of all shops or one."""
    person = principal()
    return json_answer(read(lambda session: summary.summary(session, person, query.store_id)))


@blueprint.get("/stores", responses={200: StoreList})
@user("fleet.read")
def list_stores() -> Response:
    """The shops that the person may see."""
    person = principal()
    found = read(lambda session: stores.stores(session, person))
    return json_answer(StoreList(stores=found, count=len(found)))


@blueprint.get("/stores/<int:store_id>", responses={200: StoreAnswer})
@user("fleet.read")
def show_store(path: StorePath) -> Response:
    """One shop."""
    person = principal()
    [found] = read(lambda session: stores.stores(session, person, path.store_id))
    return json_answer(StoreAnswer(store=found))


@blueprint.get("/devices", responses={200: StoreDeviceList})
@user("fleet.read")
def list_devices(query: StoreQuery) -> Response:
    """The devices of all shops or one, with their health."""
    person = principal()
    found = read(lambda session: stores.devices(session, person, query.store_id))
    return json_answer(StoreDeviceList(devices=found, count=len(found)))


@blueprint.get("/devices/<device_id>", responses={200: StoreDeviceAnswer})
@user("fleet.read")
def show_device(path: DevicePath) -> Response:
    """One device with its health."""
    person = principal()
    found = read(lambda session: stores.device(session, person, path.device_id))
    return json_answer(StoreDeviceAnswer(device=found))


@blueprint.get("/analytics", responses={200: AnalyticsAnswer})
@user("fleet.read")
def show_analytics(query: AnalyticsQuery) -> Response:
    """What was measured day by day."""
    person = principal()
    return json_answer(
        read(lambda session: stores.analytics(session, person, query.store_id, days=query.days))
    )
