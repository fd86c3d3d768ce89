"""All SQL of the audit log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, insert, select
from sqlalchemy.orm import Session

from signalcraft.audit.chain import EMPTY, Head
from signalcraft.audit.models import AuditHead, AuditRecord

_PAGE = 2000
"""Rows held in memory while all are read."""


@dataclass(frozen=True)
class Wanted:
    """Which records; None leaves a side open.

    Attributes
    ----------
    shop_ids : only records of these shops; None is all, and what concerns no shop.
    action : the whole name, or a beginning with a dot at its end (`device_key.`).
    since, until : half-open range of time.
    before : only records with a smaller number: the next page.
    """

    shop_ids: frozenset[int] | None = None
    action: str | None = None
    user_id: int | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """The database gives each its real number, in place of the 0, and its place in the chain."""
    session.execute(insert(AuditRecord), [{"id": 0, **row} for row in rows])


def head(session: Session) -> Head:
    """The newest record, as the database has noted it apart from the records."""
    stored = session.scalar(select(AuditHead))
    return EMPTY if stored is None else Head(stored.last_id, stored.last_hash)


def everything(session: Session) -> Iterator[AuditRecord]:
    """Every record by number, a page at a time."""
    return _by_number(session, [])


def newest(session: Session, wanted: Wanted, limit: int) -> Sequence[AuditRecord]:
    """The newest records that match, newest first."""
    return session.scalars(
        select(AuditRecord).where(*_conditions(wanted)).order_by(AuditRecord.id.desc()).limit(limit)
    ).all()


def matching(session: Session, wanted: Wanted) -> Iterator[AuditRecord]:
    """Every record that matches, by number, a page at a time."""
    return _by_number(session, _conditions(wanted))


def forget(session: Session, user_id: int, logins: Sequence[str]) -> None:
    """Drop what the records say about a person beyond their number."""
    session.execute(select(func.forget_in_audit(user_id, [login.lower() for login in logins])))


def about(session: Session, user_id: int) -> Iterator[AuditRecord]:
    """What a person did and what was done to them."""
    person = (AuditRecord.user_id == user_id) | (AuditRecord.subject == f"user:{user_id}")
    return _by_number(session, [person])


def _by_number(session: Session, conditions: Sequence[ColumnElement[bool]]) -> Iterator[AuditRecord]:
    """Pages by number rather than a cursor: who stops reading leaves nothing open."""
    last = 0
    while page := session.scalars(
        select(AuditRecord).where(AuditRecord.id > last, *conditions).order_by(AuditRecord.id).limit(_PAGE)
    ).all():
        yield from page
        last = page[-1].id


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.shop_ids is not None:
        conditions.append(AuditRecord.shop_id.in_(wanted.shop_ids) if wanted.shop_ids else false())
    if wanted.action is not None:
        action = AuditRecord.action
        whole = not wanted.action.endswith(".")
        conditions.append(
            action == wanted.action if whole else action.startswith(wanted.action, autoescape=True)
        )
    if wanted.user_id is not None:
        conditions.append(AuditRecord.user_id == wanted.user_id)
    if wanted.subject is not None:
        conditions.append(AuditRecord.subject == wanted.subject)
    if wanted.since is not None:
        conditions.append(AuditRecord.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditRecord.at < wanted.until)
    if wanted.before is not None:
        conditions.append(AuditRecord.id < wanted.before)
    return conditions
