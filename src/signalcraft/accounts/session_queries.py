"""All SQL of sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session

from signalcraft.accounts.models import AccountSession, RefreshToken, ShopMember, User
from signalcraft.accounts.queries import in_force
from signalcraft.runtime_settings.models import RuntimeSetting

_USE_NOTED_EVERY = timedelta(minutes=1)
"""How exactly "last used" is known; a row written at each request would be the busiest of all."""


@dataclass(frozen=True)
class LiveSession:
    """A session that was not ended, of an active person, with their rights of this moment."""

    username: str
    role: str
    last_used_at: datetime
    second_factor_at: datetime | None
    administrators_need_factor: bool
    """Whether administrators must have shown a second factor, by the setting."""
    shop_roles: Mapping[int, str]

    def is_use_noted(self, now: datetime) -> bool:
        return now - self.last_used_at < _USE_NOTED_EVERY


_LIVE_SESSION = (
    select(
        User.username,
        User.role,
        AccountSession.last_used_at,
        AccountSession.second_factor_at,
        select(func.jsonb_object_agg(ShopMember.shop_id, ShopMember.role))
        .where(ShopMember.user_id == User.id, in_force(bindparam("now", required=False)))
        .scalar_subquery(),
        select(RuntimeSetting.value)
        .where(RuntimeSetting.name == "second_factor_required_for_administrators")
        .scalar_subquery(),
    )
    .join(User, User.id == AccountSession.user_id)
    .where(
        AccountSession.id == bindparam("id", required=False),
        User.id == bindparam("user_id", required=False),
        AccountSession.ended_at.is_(None),
        User.status == "active",
    )
).compile(
    dialect=PGDialect_psycopg(),  # type: ignore[no-untyped-call]
    compile_kwargs={"render_postcompile": True},
)
"""Every request asks this, so it is put into words once: that takes longer than the answer does."""
_LIVE_SESSION_SQL = str(_LIVE_SESSION)
_LIVE_SESSION_VALUES = _LIVE_SESSION.params


def live_session(
    connection: Connection, *, session_id: UUID, user_id: int, now: datetime
) -> LiveSession | None:
    """The session with its person's rights in one statement, or None where it is over."""
    values = {**_LIVE_SESSION_VALUES, "id": session_id, "user_id": user_id, "now": now}
    row = connection.exec_driver_sql(_LIVE_SESSION_SQL, values).one_or_none()
    if row is None:
        return None
    username, role, last_used_at, second_factor_at, shops, needs_factor = row
    return LiveSession(
        username,
        role,
        last_used_at,
        second_factor_at,
        needs_factor is True,
        {int(shop_id): shop_role for shop_id, shop_role in (shops or {}).items()},
    )


def note_use(connection: Connection, session_id: UUID, now: datetime) -> None:
    connection.execute(
        update(AccountSession)
        .where(AccountSession.id == session_id, AccountSession.last_used_at < now)
        .values(last_used_at=now)
    )


def link_of(session: Session, token_hash: bytes) -> RefreshToken | None:
    """The link of a chain."""
    return session.scalar(
        select(RefreshToken)
        .where(RefreshToken.token_hash == token_hash)
        .execution_options(populate_existing=True)
    )


def lock_session(session: Session, link: RefreshToken, now: datetime) -> AccountSession:
    """The session of a link, its row locked: uses of its tokens and whatever ends it take turns.

    A session that release 0.1.0 opened has no row yet.
    """
    wanted = select(AccountSession).where(AccountSession.id == link.family).with_for_update()
    found = session.scalar(wanted)
    if found is None:
        session.execute(
            insert(AccountSession)
            .values(id=link.family, user_id=link.user_id, created_at=link.created_at, last_used_at=now)
            .on_conflict_do_nothing()
        )
        found = session.scalars(wanted).one()
    return found


def end_sessions(session: Session, *which: ColumnElement[bool], now: datetime, reason: str) -> Sequence[UUID]:
    """End the live sessions that meet all conditions; returns their ids."""
    ended: Sequence[UUID] = session.scalars(
        update(AccountSession)
        .where(AccountSession.ended_at.is_(None), *which)
        .values(ended_at=now, end_reason=reason)
        .returning(AccountSession.id)
    ).all()
    if ended:
        # What release 0.1.0 looks at, should it run on these tables again.
        session.execute(
            update(RefreshToken)
            .where(RefreshToken.family.in_(ended), RefreshToken.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    return ended


def live_sessions(session: Session, user_id: int) -> Sequence[AccountSession]:
    """A person's sessions that are not over, the one used last first."""
    return session.scalars(
        select(AccountSession)
        .where(AccountSession.user_id == user_id, AccountSession.ended_at.is_(None))
        .order_by(AccountSession.last_used_at.desc(), AccountSession.id)
    ).all()


def delete_outlived(session: Session, *, before: datetime, limit: int) -> int:
    """Delete sessions, ended or not, that nobody has used since `before`, with their links; how many."""
    outlived = select(AccountSession.id).where(AccountSession.last_used_at < before).limit(limit)
    ids = session.scalars(outlived).all()
    if ids:
        _delete(session, RefreshToken, RefreshToken.family.in_(ids))
        _delete(session, AccountSession, AccountSession.id.in_(ids))
    return len(ids)


def delete_expired_links(session: Session, *, now: datetime, limit: int) -> int:
    """Delete links of chains that nobody can use any more; how many."""
    expired = select(RefreshToken.token_hash).where(RefreshToken.expires_at < now).limit(limit)
    hashes = session.scalars(expired).all()
    if hashes:
        _delete(session, RefreshToken, RefreshToken.token_hash.in_(hashes))
    return len(hashes)


def _delete(session: Session, table: Any, condition: ColumnElement[bool]) -> None:
    session.query(table).where(condition).delete(synchronize_session=False)
