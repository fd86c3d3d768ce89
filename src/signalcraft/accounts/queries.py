"""All SQL of the accounts."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.models import RefreshToken, ShopMember, User


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


def lock_refresh_token(session: Session, token_hash: bytes) -> RefreshToken | None:
    """The link of the chain, with its person's row locked: uses, sign-out and a new password take turns.

    A lock on the link alone would let a revocation overlook the successor that a refresh is just adding.
    """
    session.execute(
        select(User.id)
        .join(RefreshToken, RefreshToken.user_id == User.id)
        .where(RefreshToken.token_hash == token_hash)
        .with_for_update(of=User, key_share=True)
    )
    return session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))


def revoke_family(session: Session, family: UUID, now: datetime) -> None:
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_sessions(session: Session, user_id: int, now: datetime) -> None:
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.user_id == user_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def family_is_live(session: Session, family: UUID) -> bool:
    """Whether the session was neither signed out nor revoked."""
    return (
        session.scalar(
            select(RefreshToken.family)
            .where(RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
            .limit(1)
        )
        is not None
    )
