"""Tables of people and their sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class User(Base):
    """A person. `role` is theirs everywhere, `ShopMember.role` that in a shop: see `roles`."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('super_admin', 'admin', 'user')", name="role"),
        CheckConstraint("status IN ('active', 'pending', 'suspended')", name="status"),
        CheckConstraint("language IN ('ko', 'en')", name="language"),
        Index("uq_users_username_lower", text("lower(username)"), unique=True),
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    username: Mapped[str]
    email: Mapped[str | None]
    full_name: Mapped[str]
    phone: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="user")
    status: Mapped[str] = mapped_column(server_default="active")
    password_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_login_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(server_default="ko")
    """Of the mail that this person gets."""
    email_confirmed_at: Mapped[datetime | None]
    """When the person showed that the address is theirs; empty where an administrator or the old server
    vouched for it."""
    details: Mapped[dict[str, Any] | None]
    """What else they said of themselves when they registered: `registration_schemas.Details`."""
    erased_at: Mapped[datetime | None]
    """Since when nothing of the person is left but this row's number."""
    probe: Mapped[bool] = mapped_column(server_default=text("false"))
    """Nobody: the system's own visitor (`operations/probe_shop.py`), in no list of people."""


class ShopMember(Base):
    """A person's rights in one shop."""

    __tablename__ = "shop_members"
    __table_args__ = (
        CheckConstraint("role IN ('store_owner', 'store_manager', 'technician', 'viewer')", name="role"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    shop_id: Mapped[int] = mapped_column(
        ForeignKey("shops.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str]
    expires_at: Mapped[datetime | None]
    """When the rights end; empty, they do not."""
    granted_by: Mapped[int | None]
    granted_at: Mapped[datetime | None]


class RefreshToken(Base):
    """One link of a session's chain of refresh tokens; only the hash of the token is kept.

    A session is a `family`. Each use marks the link used and adds the next one; the use of a link that was
    used before, beyond the grace for a lost answer, ends the session (RFC 9700, 4.14.2).
    """

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), primary_key=True)
    family: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AccountSession(Base):
    """One sign-in that lasts: a family of refresh tokens, and what its owner should recognise it by.

    It is live while `ended_at` is empty; every request asks.
    """

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(server_default="")
    user_agent: Mapped[str] = mapped_column(server_default="")
    second_factor_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class SecondFactor(Base):
    """A person's authenticator app. `secret` is encrypted; it counts once it is confirmed."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]


class RecoveryCode(Base):
    """One of the codes that stand in for a lost authenticator app; only its hash is kept."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(), primary_key=True)
    used_at: Mapped[datetime | None]


class ExternalIdentity(Base):
    """What another provider knows a person as; they have linked it themselves while they were signed in."""

    __tablename__ = "external_identities"
    __table_args__ = (UniqueConstraint("user_id", "issuer"),)

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    linked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]


class Consent(Base):
    """What a person agreed to, or declined, and when; a later row of the same kind is what holds."""

    __tablename__ = "consents"
    __table_args__ = (CheckConstraint("kind IN ('terms', 'privacy', 'marketing')", name="kind"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    given: Mapped[bool]
    at: Mapped[datetime]


class AccountRequest(Base):
    """What somebody who may be anybody has asked for; the worker answers by mail and deletes the row.

    Whether there is such an account is looked up by the worker only, so that the answer to the request can
    neither say nor take time for it.
    """

    __tablename__ = "account_requests"
    __table_args__ = (CheckConstraint("kind IN ('register', 'reset_password', 'change_email')", name="kind"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    email: Mapped[str]
    language: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]


class OneTimeToken(Base):
    """What a link in a mail opens, once; only the hash of the token is kept."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('register', 'reset_password', 'change_email')", name="purpose"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), primary_key=True)
    purpose: Mapped[str]
    email: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    body: Mapped[dict[str, Any] | None]
    """Of a registration: the account to be made, with its password hashed."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Invitation(Base):
    """A role in a shop, offered to whoever reads the mail of an address."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('store_owner', 'store_manager', 'technician', 'viewer')", name="role"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), unique=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"), index=True)
    email: Mapped[str]
    role: Mapped[str]
    member_until: Mapped[datetime | None]
    """When the role ends; empty, it does not."""
    invited_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None]


class ApiToken(Base):
    """A token of a person for their programs: what it may do of what they may; only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), unique=True)
    beginning: Mapped[str]
    """Its first characters, to be recognised by."""
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    shop_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger()))
    """The shops it is for; empty, all that the person may see."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
