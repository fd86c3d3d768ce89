"""All SQL of the accounts."""

from sqlalchemy import ColumnElement, and_, column, exists, func, or_, select, table
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ShopMember, User

OPEN_SHOP_STATUSES = ("active", "maintenance")
"""Of a shop whose people see it."""
_shops = table("shops", column("id"), column("status"))  # `fleet`, which holds it, is built on this package


def user_by_login(session: Session, login: str) -> User | None:
    """The user of that name or e-mail, whatever the case."""
    wanted = login.strip().lower()
    users = session.scalars(
        select(User)
        .where(or_(func.lower(User.username) == wanted, func.lower(User.email) == wanted))
        .order_by(func.lower(User.username) == wanted)
    ).all()
    return users[-1] if users else None


def count_users(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(User)) or 0


def in_force(now: object) -> ColumnElement[bool]:
    """Whether a grant counts: it has not expired, and its shop is one whose people see it.

    Parameters
    ----------
    now : a time, or a parameter that stands for it.
    """
    open_shop = exists().where(_shops.c.id == ShopMember.shop_id, _shops.c.status.in_(OPEN_SHOP_STATUSES))
    return and_(or_(ShopMember.expires_at.is_(None), ShopMember.expires_at > now), open_shop)


def lock_user(session: Session, user_id: int) -> User | None:
    """The person, their row locked: a sign-in and a change of password or state take turns."""
    return session.scalar(
        select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def has_super_admin(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.role == "super_admin").limit(1)) is not None


def oldest_admin(session: Session) -> User | None:
    return session.scalar(
        select(User).where(User.role == "admin", User.status == "active").order_by(User.id).limit(1)
    )
