"""The audit log, and the settings that change at run time."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from signalcraft.accounts.access import Principal
from signalcraft.accounts.administration_queries import usernames
from signalcraft.audit import service as audit
from signalcraft.audit.export import MEDIA_TYPES, Format, lines
from signalcraft.audit.queries import Wanted
from signalcraft.audit.schemas import AuditFilter, RecordList, RecordOut
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import allowed
from signalcraft.gateway.envelopes import Data
from signalcraft.ratelimits.policy import limited
from signalcraft.runtime_settings import service as runtime_settings
from signalcraft.runtime_settings.registry import RuntimeSettings
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/admin", tags=["Audit log and settings"])

Auditor = Annotated[Principal, Depends(allowed("audit.read"))]
SettingsManager = Annotated[Principal, Depends(allowed("settings.manage", everywhere=True))]


class AuditQuery(AuditFilter):
    """Which records, newest first."""

    before: RowId | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 100


class ExportQuery(AuditFilter):
    """Which records, oldest first, and as what."""

    format: Format = "ndjson"


@router.get("/audit")
def list_records(principal: Auditor, query: Annotated[AuditQuery, Query()]) -> Data[RecordList]:
    """Who did what: administrators read everything, owners what concerns their shops."""
    wanted = query.within(principal.shops_with("audit.read"), before=query.before)
    with unit_of_work() as session:
        found = audit.newest(session, wanted, limit=query.limit)
        names = usernames(session, [record.user_id for record in found if record.user_id is not None])
    records = [RecordOut.of(record, names.get(record.user_id or 0)) for record in found]
    more = found[-1].id if len(found) == query.limit else None
    return Data(data=RecordList(records=records, next_before=more))


@router.get(
    "/audit/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()},
            "description": "One record a line, oldest first.",
        }
    },
)
@limited("export")
def export_records(principal: Auditor, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """The same as a file."""
    wanted = query.within(principal.shops_with("audit.read"))
    with unit_of_work() as session:
        detail = query.model_dump(mode="json", exclude_none=True)
        audit.record(session, "audit.exported", user_id=principal.user_id, detail=detail)
    return StreamingResponse(
        _file(wanted, query.format),
        media_type=MEDIA_TYPES[query.format],
        headers={"Content-Disposition": f'attachment; filename="audit.{query.format}"'},
    )


@router.get("/settings")
def show_settings(principal: SettingsManager) -> Data[RuntimeSettings]:
    """The settings in force."""
    with unit_of_work() as session:
        return Data(data=runtime_settings.load(session))


@router.patch("/settings")
@limited("admin")
def change_settings(principal: SettingsManager, body: RuntimeSettings) -> Data[RuntimeSettings]:
    """Set those that the body names; they count at the next request."""
    with unit_of_work() as session:
        return Data(data=runtime_settings.change(session, body, user_id=principal.user_id))


def _file(wanted: Wanted, format: Format) -> Iterator[str]:
    with unit_of_work() as session:
        yield from lines(audit.matching(session, wanted), format)
