"""All SQL of API tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ApiToken, ShopMember, User
from signalcraft.accounts.queries import in_force

_USE_NOTED_EVERY = timedelta(minutes=1)
"""How exactly "last used" is known; a row written at each request would be the busiest of all."""


@dataclass(frozen=True)
class GoodToken:
    """A token that was not revoked and is not over, of an active person, with their rights of this moment."""

    id: int
    user_id: int
    username: str
    role: str
    permissions: Sequence[str]
    shop_ids: Sequence[int] | None
    shop_roles: Mapping[str, str] | None


def _is_good(now: object) -> ColumnElement[bool]:
    return and_(ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now))


_NOTED = (
    update(ApiToken)
    .where(
        ApiToken.token_hash == bindparam("hash"),
        _is_good(bindparam("now")),
        or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < bindparam("stale")),
    )
    .values(last_used_at=bindparam("now"))
    .returning(ApiToken.id)
    .cte("noted")
)
_GOOD_TOKEN = (
    select(
        ApiToken.id,
        ApiToken.user_id,
        User.username,
        User.role,
        ApiToken.permissions,
        ApiToken.shop_ids,
        select(func.jsonb_object_agg(ShopMember.shop_id, ShopMember.role))
        .where(ShopMember.user_id == User.id, in_force(bindparam("now")))
        .scalar_subquery(),
    )
    .join(User, User.id == ApiToken.user_id)
    .where(ApiToken.token_hash == bindparam("hash"), _is_good(bindparam("now")), User.status == "active")
    .add_cte(_NOTED)
)


def good_token(connection: Connection, token_hash: bytes, now: datetime) -> GoodToken | None:
    """The token with its person's rights, or None where it is not good."""
    given = {"hash": token_hash, "now": now, "stale": now - _USE_NOTED_EVERY}
    row = connection.execute(_GOOD_TOKEN, given).one_or_none()
    return None if row is None else GoodToken(*row)


def count_good(session: Session, user_id: int, now: datetime) -> int:
    """How many tokens of a person could be used now."""
    statement = select(func.count()).where(ApiToken.user_id == user_id, _is_good(now))
    return session.scalar(statement) or 0


def tokens_of(session: Session, user_id: int) -> Sequence[ApiToken]:
    """A person's tokens, newest first."""
    statement = select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()).limit(200)
    return session.scalars(statement).all()
