"""What the old system knew and no domain has a table for yet, cleaned and with our ids."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base

KINDS = (
    "alert",
    "analysis",
    "analysis_features",
    "analysis_summary",
    "anomaly",
    "expert",
    "label",
    "maintenance",
    "monitoring",
    "notification",
    "notification_rule",
    "notification_settings",
    "notification_template",
    "statistics",
)


class ImportedRecord(Base):
    """One row of an old table: values of the right type, units and clock; flaws named, nothing invented.

    A domain that gets a table of its own for one of these takes the rows over from here.
    """

    __tablename__ = "imported_records"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        UniqueConstraint("source_table", "source_row"),
        Index("ix_imported_records_kind_at", "kind", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime | None]
    """When it happened; None where the old row does not say in a way that can be understood."""
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"), index=True)
    device_id: Mapped[int | None] = mapped_column(Integer(), ForeignKey("devices.id"))
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    body: Mapped[dict[str, Any]]
    flaws: Mapped[dict[str, Any] | None]
    """Field to what was wrong with it: `{"sensor_data": "not_json"}`."""
    source_table: Mapped[str]
    """The archive that holds the row as it was: `sensor_data__anomalies`."""
    source_row: Mapped[int]
