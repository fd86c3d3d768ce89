"""All SQL of registration, one-time tokens and invitations."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import column, delete, func, select, table, update
from sqlalchemy.orm import Session

from signalcraft.accounts.models import AccountRequest, Invitation, OneTimeToken, User

_shops = table("shops", column("id"), column("name"))
"""`fleet`, which holds it, is built on this package."""


def user_by_email(session: Session, email: str) -> User | None:
    """The person with that address, whatever the case."""
    return session.scalar(select(User).where(func.lower(User.email) == email.lower()))


def user_by_name(session: Session, username: str) -> User | None:
    """The person of that user name, whatever the case."""
    return session.scalar(select(User).where(func.lower(User.username) == username.lower()))


def lock_request(session: Session, request_id: int) -> AccountRequest | None:
    """The request, if nobody else answers it just now."""
    statement = select(AccountRequest).where(AccountRequest.id == request_id)
    return session.scalar(statement.with_for_update(skip_locked=True))


def waiting_requests(session: Session, limit: int) -> Sequence[int]:
    """Requests that were not answered yet, oldest first."""
    return session.scalars(select(AccountRequest.id).order_by(AccountRequest.id).limit(limit)).all()


def lock_token(session: Session, token_hash: bytes) -> OneTimeToken | None:
    """The token, locked until the transaction ends: it opens once, however often it is shown at once."""
    return session.scalar(select(OneTimeToken).where(OneTimeToken.token_hash == token_hash).with_for_update())


def spend_tokens(session: Session, user_id: int, purpose: str, now: datetime) -> None:
    """Make every other token of a person for this purpose useless."""
    session.execute(
        update(OneTimeToken)
        .where(
            OneTimeToken.user_id == user_id,
            OneTimeToken.purpose == purpose,
            OneTimeToken.used_at.is_(None),
        )
        .values(used_at=now)
    )


def drop_tokens_expired_before(session: Session, moment: datetime) -> None:
    session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < moment))


def lock_invitation(session: Session, token_hash: bytes) -> Invitation | None:
    """The invitation, locked until the transaction ends."""
    return session.scalar(select(Invitation).where(Invitation.token_hash == token_hash).with_for_update())


def invitation(session: Session, token_hash: bytes) -> Invitation | None:
    return session.scalar(select(Invitation).where(Invitation.token_hash == token_hash))


def lock_shop_invitation(session: Session, shop_id: int, invitation_id: int) -> Invitation | None:
    return session.scalar(
        select(Invitation)
        .where(Invitation.shop_id == shop_id, Invitation.id == invitation_id)
        .with_for_update()
    )


def open_invitations_of(session: Session, shop_id: int, email: str, now: datetime) -> Sequence[Invitation]:
    """Invitations of an address to a shop that could still be accepted."""
    return session.scalars(
        select(Invitation).where(
            Invitation.shop_id == shop_id,
            func.lower(Invitation.email) == email.lower(),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > now,
        )
    ).all()


def shop_name(session: Session, shop_id: int) -> str | None:
    """What a shop is called; None where there is none."""
    return session.scalar(select(_shops.c.name).where(_shops.c.id == shop_id))


def shop_invitations(session: Session, shop_id: int) -> Sequence[Invitation]:
    """The newest hundred invitations to a shop."""
    return session.scalars(
        select(Invitation).where(Invitation.shop_id == shop_id).order_by(Invitation.id.desc()).limit(100)
    ).all()
