"""The audit log's table, and the head of its chain.

The database itself numbers and chains the rows (trigger `chain_audit_record`, migration 0011): the
application's role may add rows and read them, nothing else.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class AuditRecord(Base):
    """Something that was done. `id` counts without gaps in the order of commits."""

    __tablename__ = "audit_records"
    __table_args__ = (
        Index("ix_audit_records_shop_id_id", "shop_id", "id"),
        Index("ix_audit_records_user_id_id", "user_id", "id"),
        Index("ix_audit_records_subject", "subject"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    action: Mapped[str]
    user_id: Mapped[int | None]
    """Who did it; no foreign key, because the record outlives the account."""
    token_id: Mapped[int | None]
    subject: Mapped[str | None]
    shop_id: Mapped[int | None]
    request_id: Mapped[str | None]
    particulars: Mapped[str | None]
    """A JSON object with the address and the details: what may be about a person, and is forgotten with them.
    The chain holds its seal only, so that it stays valid without it."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary())
    """Goes into the seal and is forgotten with the particulars: a seal alone lets nobody guess them."""
    seal: Mapped[bytes] = mapped_column(LargeBinary())
    """SHA-256 of salt and particulars."""
    hash: Mapped[bytes] = mapped_column(LargeBinary())
    """SHA-256 of the hash before and of this row: see `audit.chain`."""


class AuditHead(Base):
    """The number and hash of the newest record: one row, written by the trigger."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int]
    last_hash: Mapped[bytes] = mapped_column(LargeBinary())
