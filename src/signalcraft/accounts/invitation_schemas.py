"""What the routes of invitations take and answer."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.accounts.registration_schemas import EmailAddress, Language, LinkToken, NewAccount
from signalcraft.texts import IsoMoment

ShopRole = Literal["store_owner", "store_manager", "technician", "viewer"]


class InvitationIn(BaseModel):
    """Who is invited, and to what."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    role: ShopRole
    member_until: IsoMoment | None = Field(None, description="When the role ends; left out, it does not.")
    language: Language = "ko"


class InvitationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    shop_id: int
    email: str
    role: ShopRole
    member_until: datetime | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class InvitationAnswer(BaseModel):
    success: Literal[True] = True
    invitation: InvitationOut


class InvitationList(BaseModel):
    success: Literal[True] = True
    invitations: list[InvitationOut]


class LookIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: LinkToken


class OfferOut(BaseModel):
    """What is offered, to whoever has the link."""

    model_config = ConfigDict(from_attributes=True)

    shop_id: int
    shop_name: str
    role: ShopRole
    email: str
    expires_at: datetime
    has_account: bool = Field(description="Sign in and accept; else make an account by the invitation.")


class OfferAnswer(BaseModel):
    success: Literal[True] = True
    offer: OfferOut


class InvitedAccountIn(NewAccount):
    """The account of somebody who was invited; its address is the invitation's."""

    token: LinkToken
