"""Invitations to a shop: its owners send them, their recipients accept."""

from typing import Annotated

from fastapi import APIRouter, Depends

from signalcraft.accounts import invitations
from signalcraft.accounts.access import Principal
from signalcraft.accounts.invitation_schemas import (
    InvitationAnswer,
    InvitationIn,
    InvitationList,
    InvitationOut,
    InvitedAccountIn,
    LookIn,
    OfferAnswer,
    OfferOut,
)
from signalcraft.accounts.password_rules import require_acceptable
from signalcraft.accounts.passwords import hash_password
from signalcraft.accounts.registration_schemas import Confirmed, Registration
from signalcraft.accounts.schemas import UserOut
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import SESSION_ROUTES, SignedIn, allowed
from signalcraft.ratelimits.policy import limited
from signalcraft.ratelimits.service import require
from signalcraft.texts import RowId

router = APIRouter(tags=["Invitations"])

Reader = Annotated[Principal, Depends(allowed("member.read"))]
Manager = Annotated[Principal, Depends(allowed("member.manage"))]


@router.get("/api/members/{shop_id}/invitations")
def list_invitations(principal: Reader, shop_id: RowId) -> InvitationList:
    """The newest hundred invitations to a shop, accepted or not."""
    with unit_of_work() as session:
        found = invitations.list_invitations(session, principal, shop_id)
    return InvitationList(invitations=[InvitationOut.model_validate(item) for item in found])


@router.post("/api/members/{shop_id}/invitations", status_code=201)
def invite(principal: Manager, shop_id: RowId, body: InvitationIn) -> InvitationAnswer:
    """Offer somebody a role in a shop, by mail; it replaces what was offered to this address before."""
    require("mail", f"mail:{body.email.lower()}")
    with unit_of_work() as session:
        invitation = invitations.invite(
            session,
            principal,
            shop_id,
            email=body.email,
            role=body.role,
            member_until=body.member_until,
            language=body.language,
        )
    return InvitationAnswer(invitation=InvitationOut.model_validate(invitation))


@router.delete("/api/members/{shop_id}/invitations/{invitation_id}")
def revoke(principal: Manager, shop_id: RowId, invitation_id: RowId) -> InvitationAnswer:
    """Take an invitation back."""
    with unit_of_work() as session:
        invitation = invitations.revoke(session, principal, shop_id, invitation_id)
    return InvitationAnswer(invitation=InvitationOut.model_validate(invitation))


@router.post("/api/auth/invitation", dependencies=[SESSION_ROUTES])
@limited("registration")
def look(body: LookIn) -> OfferAnswer:
    """What an invitation offers, to whoever has its link."""
    with unit_of_work() as session:
        offer = invitations.look(session, body.token)
    return OfferAnswer(offer=OfferOut.model_validate(offer))


@router.post("/api/auth/accept-invitation")
@limited("registration")
def accept(principal: SignedIn, body: LookIn) -> InvitationAnswer:
    """Take the offered role up with one's account, whose address must be the invited one."""
    with unit_of_work() as session:
        invitation = invitations.accept(session, principal, body.token)
    return InvitationAnswer(invitation=InvitationOut.model_validate(invitation))


@router.post("/api/auth/register-by-invitation", status_code=201, dependencies=[SESSION_ROUTES])
@limited("registration")
def register_by_invitation(body: InvitedAccountIn) -> Confirmed:
    """Make an account with the link of an invitation, and take the offered role up."""
    require_acceptable(body.password, field="password", context=(body.username,))
    registration = Registration.of(body, hash_password(body.password), utc_now())
    with unit_of_work() as session:
        _, user = invitations.accept_as_new(session, body.token, registration)
    return Confirmed(
        message="Your account is ready: sign in. 계정이 만들어졌습니다. 로그인해 주세요.",
        user=UserOut.model_validate(user),
    )
