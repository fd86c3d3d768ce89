"""Alarms for people: see them, take them in hand."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from signalcraft.accounts.access import Principal
from signalcraft.alarms import service
from signalcraft.alarms.schemas import AcknowledgeIn, AlarmAnswer, AlarmList
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import allowed
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/alarms", tags=["Alarms"])


@router.get("")
def list_alarms(
    principal: Annotated[Principal, Depends(allowed("fleet.read"))],
    machine_id: Annotated[RowId | None, Query()] = None,
    state: Literal["open", "all"] = "open",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AlarmList:
    """Alarms of the shops this person sees, newest first."""
    with unit_of_work() as session:
        found = service.list_alarms(
            session, principal, machine_id=machine_id, only_open=state == "open", limit=limit
        )
    return AlarmList(alarms=found)


@router.post("/{alarm_id}/acknowledge")
@limited("alarm")
def acknowledge(
    principal: Annotated[Principal, Depends(allowed("alarm.acknowledge"))],
    alarm_id: Annotated[RowId, Path()],
    body: AcknowledgeIn | None = None,
) -> AlarmAnswer:
    """Say that somebody has it in hand; saying it twice changes nothing."""
    with unit_of_work() as session:
        alarm = service.acknowledge(session, principal, alarm_id, comment=body.comment if body else None)
    return AlarmAnswer(alarm=alarm)
