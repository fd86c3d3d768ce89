"""The monitoring page's data, and the old server's addresses of that name."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import StreamingResponse

from signalcraft.accounts.access import Principal
from signalcraft.dashboards import monitoring
from signalcraft.dashboards.availability import Availability, OperatorAlerts, alerts_now, availability_now
from signalcraft.dashboards.monitoring_schemas import History, Now, OldAlerts, OldStatsAnswer, OldStatus
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import allowed
from signalcraft.gateway.envelopes import Data
from signalcraft.gateway.monitoring_stream import monitoring_stream
from signalcraft.ratelimits.policy import limited
from signalcraft.settings import get_settings

router = APIRouter(prefix="/api/monitoring", tags=["Monitoring"])

Watcher = Annotated[Principal, Depends(allowed("monitoring.read", everywhere=True))]
Hours = Annotated[int, Query(ge=1, le=monitoring.LONGEST_HOURS)]


@router.get("/now")
def show_now(principal: Watcher) -> Data[Now]:
    """The newest look at processes, machine, database, Redis, queue and tiers."""
    with unit_of_work() as session:
        return Data(data=monitoring.now(session))


@router.get("/history")
def show_history(principal: Watcher, hours: Hours = 1) -> Data[History]:
    """The numbers of the last hours, and when other releases began to answer."""
    with unit_of_work() as session:
        return Data(data=monitoring.history(session, hours=hours))


@router.get("/availability")
def show_availability(principal: Watcher) -> Data[Availability]:
    """How much of the last 30 days the system answered, as probed from outside, and when it did not."""
    with unit_of_work() as session:
        return Data(data=availability_now(session))


@router.get("/operator-alerts")
def show_operator_alerts(principal: Watcher) -> Data[OperatorAlerts]:
    """What the operator was told of the system itself: what lasts, and what has ended."""
    with unit_of_work() as session:
        return Data(data=alerts_now(session))


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
@limited("stream")
async def stream(request: Request, principal: Watcher) -> StreamingResponse:
    """Each new look as it is taken: the answer of `/now` with what is newer than the event before."""
    return StreamingResponse(
        monitoring_stream(request.app.state.feed, principal, get_settings()),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


@router.get("/status")
def show_status(principal: Watcher) -> OldStatus:
    """Whether the monitor is at work."""
    with unit_of_work() as session:
        return monitoring.old_status(session)


@router.post("/start")
def start(principal: Watcher) -> OldStatus:
    """Old clients start what always runs: answers whether it does."""
    with unit_of_work() as session:
        return monitoring.require_running(session)


@router.post("/stop")
def stop(principal: Watcher) -> OldStatus:
    """Refused: the monitor is the operator's."""
    return monitoring.refuse_stop()


@router.get("/stats")
def show_stats(principal: Watcher, hours: Hours = 24) -> OldStatsAnswer:
    """Analyses and alarms of the last hours, over all shops."""
    with unit_of_work() as session:
        return monitoring.old_stats(session, hours=hours)


@router.get("/alerts")
def list_alerts(principal: Watcher, limit: Annotated[int, Query(ge=1, le=500)] = 10) -> OldAlerts:
    """The newest alarms, over all shops."""
    with unit_of_work() as session:
        return monitoring.old_alerts(session, limit=limit)
