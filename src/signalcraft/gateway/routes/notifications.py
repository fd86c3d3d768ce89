"""Notifications and the live event stream."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from signalcraft.accounts.access import Principal
from signalcraft.db.session import unit_of_work
from signalcraft.errors import NotFoundError
from signalcraft.fleet.models import Machine
from signalcraft.gateway.access import allowed
from signalcraft.gateway.stream import event_stream
from signalcraft.notifications import service
from signalcraft.notifications.schemas import NotificationHistory, NotificationList
from signalcraft.ratelimits.policy import limited
from signalcraft.settings import get_settings
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/notifications", tags=["Notifications"])

Reader = Annotated[Principal, Depends(allowed("notification.read"))]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("")
def list_notifications(principal: Reader, limit: Limit = 50) -> NotificationList:
    """What people were told, newest first."""
    with unit_of_work() as session:
        found, total = service.list_notifications(session, principal, limit=limit)
    return NotificationList(notifications=found, total=total)


@router.get("/history")
def history(principal: Reader, limit: Limit = 50) -> NotificationHistory:
    """The same under the name that old clients ask for."""
    with unit_of_work() as session:
        found, total = service.list_notifications(session, principal, limit=limit)
    return NotificationHistory(history=found, total=total)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
@limited("stream")
async def stream(
    request: Request,
    principal: Reader,
    machine: Annotated[RowId | None, Query(description="Send its readings too.")] = None,
    last_event_id: Annotated[int | None, Query(ge=0, le=2**53 - 1)] = None,
    resume_from: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**53 - 1)] = None,
) -> StreamingResponse:
    """Live events; a client that comes back names the last one it has and misses none."""
    if machine is not None:
        await run_in_threadpool(_require_visible, principal, machine)
    body = event_stream(
        request.app.state.feed,
        principal,
        get_settings(),
        asked_at=request.state.asked_at,
        last_event_id=resume_from if resume_from is not None else last_event_id,
        machine_id=machine,
    )
    return StreamingResponse(
        body,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


def _require_visible(principal: Principal, machine_id: int) -> None:
    with unit_of_work() as session:
        machine = session.get(Machine, machine_id)
    if machine is None or not principal.may_see(machine.shop_id):
        raise NotFoundError("There is no such machine.")
