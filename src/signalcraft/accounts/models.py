"""Tables of people and their sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class User(Base):
    """A person. `role` is `admin` (sees and does everything) or `user` (what the shop memberships grant)."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'user')", name="role"),
        CheckConstraint("status IN ('active', 'pending', 'suspended')", name="status"),
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


class RefreshToken(Base):
    """One link of a session's chain of refresh tokens; only the hash of the token is kept.

    A session is a `family`. Each use marks the link used and adds the next one; the use of a link that was
    used before, beyond the grace for a lost answer, revokes the whole family (RFC 9700, 4.14.2).
    """

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(), primary_key=True)
    family: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
