"""What goes in and out of the administration of people."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from signalcraft.accounts.administration import Account
from signalcraft.accounts.grants import Member
from signalcraft.accounts.models import AccountSession, ApiToken
from signalcraft.accounts.places import device_name
from signalcraft.accounts.registration_schemas import EmailAddress, Username
from signalcraft.texts import IsoMoment, Name

GlobalRole = Literal["super_admin", "admin", "user"]
ShopRole = Literal["store_owner", "store_manager", "technician", "viewer"]
Search = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class AccountIn(BaseModel):
    """A person to be."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    full_name: Name | None = None
    email: EmailAddress | None = None
    role: GlobalRole = "user"
    language: Literal["ko", "en"] = "ko"


class AccountChange(BaseModel):
    """What is to be another; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: GlobalRole | None = None
    status: Literal["active", "suspended"] | None = None


class GrantIn(BaseModel):
    """Rights in a shop."""

    model_config = ConfigDict(extra="forbid")

    role: ShopRole
    expires_at: IsoMoment | None = Field(None, description="When they end; left out, they do not.")


class GrantOut(BaseModel):
    shop_id: int
    shop_name: str
    role: str
    expires_at: datetime | None
    granted_at: datetime | None
    granted_by: int | None


class AccountOut(BaseModel):
    """A person as administrators see them."""

    id: int
    username: str
    full_name: str
    email: str | None
    phone: str | None
    role: str
    status: str
    language: str
    created_at: datetime
    last_login_at: datetime | None
    email_confirmed_at: datetime | None
    erased_at: datetime | None
    second_factor: bool
    grants: list[GrantOut]

    @classmethod
    def of(cls, account: Account) -> "AccountOut":
        user = account.user
        return cls(
            id=user.id,
            username=user.username,
            full_name=user.full_name,
            email=user.email,
            phone=user.phone,
            role=user.role,
            status=user.status,
            language=user.language,
            created_at=user.created_at,
            last_login_at=user.last_login_at,
            email_confirmed_at=user.email_confirmed_at,
            erased_at=user.erased_at,
            second_factor=account.second_factor,
            grants=[
                GrantOut(
                    shop_id=grant.shop_id,
                    shop_name=shop_name,
                    role=grant.role,
                    expires_at=grant.expires_at,
                    granted_at=grant.granted_at,
                    granted_by=grant.granted_by,
                )
                for grant, shop_name in account.grants
            ],
        )


class MadeAccount(BaseModel):
    """A new person, with a password that is shown this once."""

    user: AccountOut
    password: str


class NewPassword(BaseModel):
    """Shown this once."""

    password: str


class Ended(BaseModel):
    ended: int = Field(description="How many sessions that were.")


class MemberOut(BaseModel):
    """Somebody who belongs to a shop."""

    user_id: int
    username: str
    full_name: str
    role: str
    expires_at: datetime | None

    @classmethod
    def of(cls, member: Member) -> "MemberOut":
        return cls(
            user_id=member.user.id,
            username=member.user.username,
            full_name=member.user.full_name,
            role=member.grant.role,
            expires_at=member.grant.expires_at,
        )


class SessionOut(BaseModel):
    """Somebody's live session."""

    id: UUID
    user_id: int
    username: str
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    second_factor: bool

    @classmethod
    def of(cls, item: AccountSession, username: str) -> "SessionOut":
        return cls(
            id=item.id,
            user_id=item.user_id,
            username=username,
            device=device_name(item.user_agent),
            address=item.address,
            created_at=item.created_at,
            last_used_at=item.last_used_at,
            second_factor=item.second_factor_at is not None,
        )


class TokenOut(BaseModel):
    """Somebody's API token, without its secret."""

    id: int
    user_id: int
    username: str
    name: str
    beginning: str
    permissions: list[str]
    shop_ids: list[int] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: ApiToken, username: str) -> "TokenOut":
        return cls(
            id=token.id,
            user_id=token.user_id,
            username=username,
            name=token.name,
            beginning=token.beginning,
            permissions=token.permissions,
            shop_ids=token.shop_ids,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )
