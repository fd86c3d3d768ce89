"""Which records are asked for, and how they look outside."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from signalcraft.audit.models import AuditRecord
from signalcraft.audit.queries import Wanted
from signalcraft.texts import IsoMoment, RowId


class AuditFilter(BaseModel):
    """Which records; what is left out does not narrow."""

    model_config = ConfigDict(extra="forbid")

    action: Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]+\.[a-z_]*$")] | None = Field(
        None, description="`session.opened`, or with a dot at its end all of a kind: `session.`"
    )
    user_id: RowId | None = Field(None, description="Who did it.")
    subject: (
        Annotated[str, StringConstraints(max_length=128, pattern=r"^[a-z_]+:[^\x00-\x1f\x7f]+$")] | None
    ) = Field(None, description="What it was done to: `user:12`, `device:ESP32_MIC_0001`.")
    shop_id: RowId | None = None
    since: IsoMoment | None = None
    until: IsoMoment | None = Field(None, description="Records before this moment.")

    def within(self, shop_ids: frozenset[int] | None, *, before: int | None = None) -> Wanted:
        """The same as a question, narrowed to the shops that the caller may read of (None: everything)."""
        shops = shop_ids
        if self.shop_id is not None:
            shops = frozenset({self.shop_id}) if shop_ids is None else shop_ids & {self.shop_id}
        return Wanted(
            shop_ids=shops,
            action=self.action,
            user_id=self.user_id,
            subject=self.subject,
            since=self.since,
            until=self.until,
            before=before,
        )


class RecordOut(BaseModel):
    """One record. Where `erased` is true, what was known of a person beyond their number is gone."""

    id: int
    at: datetime
    action: str
    user_id: int | None
    username: str | None = Field(description="The person's name today; not part of the record.")
    token_id: int | None
    subject: str | None
    shop_id: int | None
    request_id: str | None
    address: str | None
    detail: dict[str, Any]
    erased: bool
    hash: str

    @classmethod
    def of(cls, record: AuditRecord, username: str | None = None) -> "RecordOut":
        particulars = json.loads(record.particulars) if record.particulars is not None else {}
        return cls(
            id=record.id,
            at=record.at,
            action=record.action,
            user_id=record.user_id,
            username=username,
            token_id=record.token_id,
            subject=record.subject,
            shop_id=record.shop_id,
            request_id=record.request_id,
            address=particulars.get("address"),
            detail=particulars.get("detail", {}),
            erased=record.particulars is None,
            hash=record.hash.hex(),
        )


class RecordList(BaseModel):
    """Records, newest first."""

    records: list[RecordOut]
    next_before: int | None = Field(description="`before` of the next page; null on the last one.")
