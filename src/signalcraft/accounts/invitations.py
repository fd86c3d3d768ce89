"""Invitations: a role in a shop, offered to whoever reads the mail of an address, accepted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts import one_time_tokens as links
from signalcraft.accounts import people_queries as queries
from signalcraft.accounts.access import Principal
from signalcraft.accounts.administration_queries import lock_member
from signalcraft.accounts.errors import LinkOverError
from signalcraft.accounts.grants import grant, require_owner_stays
from signalcraft.accounts.models import Invitation, User
from signalcraft.accounts.registration import make_account
from signalcraft.accounts.registration_schemas import Registration
from signalcraft.audit import service as audit
from signalcraft.bilingual import Text
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from signalcraft.mail import service as mail

LIFETIME = timedelta(days=7)
"""People read mail of work once a week at the latest."""

_ROLES = {
    "store_owner": Text(ko="점주", en="owner"),
    "store_manager": Text(ko="매니저", en="manager"),
    "technician": Text(ko="기술자", en="technician"),
    "viewer": Text(ko="열람자", en="viewer"),
}


@dataclass(frozen=True)
class Offer:
    """What somebody with the link of an invitation may know of it."""

    shop_id: int
    shop_name: str
    role: str
    email: str
    expires_at: datetime
    has_account: bool
    """Whether the address has an account: then its person signs in, else they make one."""


def invite(
    session: Session,
    principal: Principal,
    shop_id: int,
    *,
    email: str,
    role: str,
    member_until: datetime | None,
    language: str,
) -> Invitation:
    """Offer a role in a shop by mail, in place of what was offered to this address before.

    Parameters
    ----------
    member_until : when the role ends; None, it does not.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is no such shop to this person, or they may not grant anything there.
    InvalidInputError
        `member_until` is over.
    """
    principal.require("member.manage", shop_id)
    shop_name = queries.shop_name(session, shop_id)
    if shop_name is None:
        raise NotFoundError("There is no such thing here, or it is not yours to see.")
    now = utc_now()
    if member_until is not None and member_until <= now:
        raise InvalidInputError("This time is over.", field="member_until")
    for earlier in queries.open_invitations_of(session, shop_id, email, now):
        earlier.revoked_at = now
    token = links.new_token()
    invitation = Invitation(
        token_hash=links.token_hash(token),
        shop_id=shop_id,
        email=email,
        role=role,
        member_until=member_until,
        invited_by=principal.user_id,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(invitation)
    session.flush()
    _record(session, "invitation.sent", invitation, principal.user_id)
    inviter = session.get_one(User, principal.user_id)
    mail.send(
        session,
        to=email,
        template="invitation",
        language=language,
        values={
            "shop": shop_name,
            "inviter": inviter.full_name,
            "role": _ROLES[role].ko if language == "ko" else _ROLES[role].en,
            "days": str(LIFETIME.days),
            "link": links.link("accept-invitation", token),
        },
    )
    return invitation


def list_invitations(session: Session, principal: Principal, shop_id: int) -> Sequence[Invitation]:
    """The newest hundred invitations to a shop, accepted or not."""
    principal.require("member.read", shop_id)
    return queries.shop_invitations(session, shop_id)


def revoke(session: Session, principal: Principal, shop_id: int, invitation_id: int) -> Invitation:
    """Take an invitation back; one that was accepted stays so.

    Raises
    ------
    NotFoundError
        There is none of that number to this shop.
    ConflictError
        It was accepted: the role is taken away among the members.
    """
    principal.require("member.manage", shop_id)
    invitation = queries.lock_shop_invitation(session, shop_id, invitation_id)
    if invitation is None:
        raise NotFoundError("There is no such invitation.", field="invitation_id")
    if invitation.accepted_at is not None:
        raise ConflictError("It was accepted already: take the role away among the members.")
    if invitation.revoked_at is None:
        invitation.revoked_at = utc_now()
        _record(session, "invitation.revoked", invitation, principal.user_id)
    return invitation


def look(session: Session, token: str) -> Offer:
    """What is offered, to whoever has the link.

    Raises
    ------
    LinkOverError
        The invitation was accepted, taken back, or is over a week old.
    """
    invitation = _good(queries.invitation(session, links.token_hash(token)))
    return Offer(
        shop_id=invitation.shop_id,
        shop_name=queries.shop_name(session, invitation.shop_id) or "",
        role=invitation.role,
        email=invitation.email,
        expires_at=invitation.expires_at,
        has_account=queries.user_by_email(session, invitation.email) is not None,
    )


def accept(session: Session, principal: Principal, token: str) -> Invitation:
    """Take the role up, with the account of the address that was invited.

    Raises
    ------
    LinkOverError
        The invitation is not good any more.
    ForbiddenError
        The person has another address: an invitation that was passed on is nobody else's.
    ConflictError
        They are the last owner of the shop, and would be less by it.
    """
    invitation = _good(queries.lock_invitation(session, links.token_hash(token)))
    user = session.get_one(User, principal.user_id)
    if user.email is None or user.email.lower() != invitation.email.lower():
        raise ForbiddenError(
            "This invitation is for another address. 다른 이메일 주소로 보낸 초대입니다.", field="token"
        )
    found = lock_member(session, invitation.shop_id, user.id)
    if found is not None:
        require_owner_stays(session, found[1], role=invitation.role, expires_at=invitation.member_until)
    _take_up(session, invitation, user)
    return invitation


def accept_as_new(session: Session, token: str, registration: Registration) -> tuple[Invitation, User]:
    """Make the account of who was invited, and take the role up; the link has proved the address.

    Raises
    ------
    LinkOverError
        The invitation is not good any more.
    ConflictError
        The address has an account (sign in and accept), or the user name is taken.
    """
    invitation = _good(queries.lock_invitation(session, links.token_hash(token)))
    if queries.user_by_email(session, invitation.email) is not None:
        raise ConflictError(
            "This address has an account: sign in, then accept."
            " 이미 계정이 있는 주소입니다. 로그인한 뒤 초대를 받아 주세요.",
            field="token",
        )
    user = make_account(session, registration, email=invitation.email)
    _take_up(session, invitation, user)
    return invitation, user


def _good(invitation: Invitation | None) -> Invitation:
    now = utc_now()
    if (
        invitation is None
        or invitation.accepted_at is not None
        or invitation.revoked_at is not None
        or invitation.expires_at <= now
        or (invitation.member_until is not None and invitation.member_until <= now)
    ):
        raise LinkOverError
    return invitation


def _take_up(session: Session, invitation: Invitation, user: User) -> None:
    invitation.accepted_at = utc_now()
    invitation.accepted_by = user.id
    grant(
        session,
        user,
        shop_id=invitation.shop_id,
        role=invitation.role,
        expires_at=invitation.member_until,
        by=invitation.invited_by,
    )
    _record(session, "invitation.accepted", invitation, user.id)


def _record(session: Session, action: str, invitation: Invitation, user_id: int) -> None:
    audit.record(
        session,
        action,
        user_id=user_id,
        subject=f"invitation:{invitation.id}",
        shop_id=invitation.shop_id,
        detail={"email": invitation.email, "role": invitation.role},
    )
