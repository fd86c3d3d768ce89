"""All SQL of the administration of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, column, func, or_, select, table
from sqlalchemy.orm import Session

from signalcraft.accounts.models import AccountSession, ApiToken, SecondFactor, ShopMember, User

_PROBES = select(User.id).where(User.probe)
"""The system's own visitors, whose sessions and tokens are nobody's business."""

_shops = table("shops", column("id"), column("name"))  # `fleet`, which holds it, is built on this package


@dataclass(frozen=True)
class WantedPeople:
    """Which people; None leaves a side open. `search` is a part of a name or an address."""

    search: str | None = None
    role: str | None = None
    status: str | None = None
    shop_id: int | None = None


def people(session: Session, wanted: WantedPeople, *, offset: int, limit: int) -> tuple[Sequence[User], int]:
    """One page of people by user name, and how many there are in all; not the probe's."""
    conditions = _conditions(wanted)
    total = session.scalar(select(func.count()).select_from(User).where(*conditions)) or 0
    page = session.scalars(
        select(User)
        .where(*conditions)
        .order_by(func.lower(User.username), User.id)
        .offset(offset)
        .limit(limit)
    ).all()
    return page, total


def grants_of(session: Session, user_ids: Sequence[int]) -> Sequence[tuple[ShopMember, str]]:
    """The grants of some people, each with its shop's name."""
    rows = session.execute(
        select(ShopMember, _shops.c.name)
        .join(_shops, _shops.c.id == ShopMember.shop_id)
        .where(ShopMember.user_id.in_(user_ids))
        .order_by(ShopMember.user_id, ShopMember.shop_id)
    )
    return [(member, name) for member, name in rows]


def with_second_factor(session: Session, user_ids: Sequence[int]) -> frozenset[int]:
    return frozenset(
        session.scalars(
            select(SecondFactor.user_id).where(
                SecondFactor.user_id.in_(user_ids), SecondFactor.confirmed_at.is_not(None)
            )
        )
    )


def usernames(session: Session, user_ids: Sequence[int]) -> Mapping[int, str]:
    """The user names that some numbers have now."""
    rows = session.execute(select(User.id, User.username).where(User.id.in_(user_ids)))
    return {row.id: row.username for row in rows}


def shop_exists(session: Session, shop_id: int) -> bool:
    return session.scalar(select(_shops.c.id).where(_shops.c.id == shop_id)) is not None


def lock_other_super_admins(session: Session, user_id: int) -> Sequence[int]:
    """Active super administrators but for one; locked, so that two cannot demote each other at once."""
    ids = session.scalars(
        select(User.id)
        .where(User.role == "super_admin", User.status == "active")
        .order_by(User.id)
        .with_for_update()
    ).all()
    return [other for other in ids if other != user_id]


def members(session: Session, shop_id: int) -> Sequence[tuple[User, ShopMember]]:
    """The people of a shop, by name."""
    rows = session.execute(
        select(User, ShopMember)
        .join(ShopMember, ShopMember.user_id == User.id)
        .where(ShopMember.shop_id == shop_id)
        .order_by(func.lower(User.username), User.id)
    )
    return [(user, member) for user, member in rows]


def member_ids(session: Session, shop_id: int) -> Sequence[int]:
    return session.scalars(select(ShopMember.user_id).where(ShopMember.shop_id == shop_id)).all()


def lock_member(session: Session, shop_id: int, user_id: int) -> tuple[User, ShopMember] | None:
    row = session.execute(
        select(User, ShopMember)
        .join(ShopMember, ShopMember.user_id == User.id)
        .where(ShopMember.shop_id == shop_id, ShopMember.user_id == user_id)
        .with_for_update(of=ShopMember)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def lock_other_owners(session: Session, shop_id: int, user_id: int) -> Sequence[int]:
    """Owners of a shop whose rights do not end, but for one; all are locked."""
    ids = session.scalars(
        select(ShopMember.user_id)
        .where(
            ShopMember.shop_id == shop_id,
            ShopMember.role == "store_owner",
            ShopMember.expires_at.is_(None),
        )
        .order_by(ShopMember.user_id)
        .with_for_update()
    ).all()
    return [other for other in ids if other != user_id]


def live_sessions(
    session: Session, user_id: int | None, *, offset: int, limit: int
) -> tuple[Sequence[tuple[AccountSession, str]], int]:
    """One page of sessions that are not over, the one used last first, each with its person's user name."""
    conditions: list[ColumnElement[bool]] = [
        AccountSession.ended_at.is_(None),
        AccountSession.user_id.not_in(_PROBES),
    ]
    if user_id is not None:
        conditions.append(AccountSession.user_id == user_id)
    total = session.scalar(select(func.count()).select_from(AccountSession).where(*conditions)) or 0
    rows = session.execute(
        select(AccountSession, User.username)
        .join(User, User.id == AccountSession.user_id)
        .where(*conditions)
        .order_by(AccountSession.last_used_at.desc(), AccountSession.id)
        .offset(offset)
        .limit(limit)
    )
    return [(item, name) for item, name in rows], total


def usable_tokens(
    session: Session, user_id: int | None, now: datetime, *, offset: int, limit: int
) -> tuple[Sequence[tuple[ApiToken, str]], int]:
    """One page of API tokens that could be used, newest first, each with its person's user name."""
    conditions: list[ColumnElement[bool]] = [
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
        ApiToken.user_id.not_in(_PROBES),
    ]
    if user_id is not None:
        conditions.append(ApiToken.user_id == user_id)
    total = session.scalar(select(func.count()).select_from(ApiToken).where(*conditions)) or 0
    rows = session.execute(
        select(ApiToken, User.username)
        .join(User, User.id == ApiToken.user_id)
        .where(*conditions)
        .order_by(ApiToken.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [(token, name) for token, name in rows], total


def _conditions(wanted: WantedPeople) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [~User.probe]
    if wanted.search is not None:
        text = wanted.search.lower()
        conditions.append(
            or_(
                func.lower(User.username).contains(text, autoescape=True),
                func.lower(User.email).contains(text, autoescape=True),
                func.lower(User.full_name).contains(text, autoescape=True),
            )
        )
    if wanted.role is not None:
        conditions.append(User.role == wanted.role)
    if wanted.status is not None:
        conditions.append(User.status == wanted.status)
    if wanted.shop_id is not None:
        conditions.append(User.id.in_(select(ShopMember.user_id).where(ShopMember.shop_id == wanted.shop_id)))
    return conditions
