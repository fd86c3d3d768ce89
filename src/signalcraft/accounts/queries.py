"""All SQL of the accounts."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ShopMember, User


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


def shop_roles(session: Session, user_id: int, now: datetime) -> Mapping[int, str]:
    """The person's role in each shop, expired ones left out."""
    rows = session.execute(
        select(ShopMember.shop_id, ShopMember.role).where(
            ShopMember.user_id == user_id,
            or_(ShopMember.expires_at.is_(None), ShopMember.expires_at > now),
        )
    )
    return {row.shop_id: row.role for row in rows}


def lock_user(session: Session, user_id: int) -> User | None:
    """The person, their row locked: a sign-in and a change of password or state take turns."""
    return session.scalar(
        select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
