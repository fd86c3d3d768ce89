"""The caller of a request and what they may see and do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from signalcraft.accounts.roles import SHOP_ROLES, Permission
from signalcraft.errors import ForbiddenError, NotFoundError


@dataclass(frozen=True)
class Principal:
    """A signed-in person with their roles as they are now, read with each request."""

    user_id: int
    username: str
    role: str
    shop_roles: Mapping[int, str] = field(default_factory=dict)
    session_id: UUID | None = None
    """The session that this request belongs to."""
    second_factor: bool = False
    """Whether that session was opened, or confirmed since, with a second factor."""

    @property
    def quota_subject(self) -> str:
        """Whose quota of requests (`ratelimits`) this caller uses."""
        return f"account:{self.user_id}"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def shop_ids(self) -> frozenset[int] | None:
        """The shops this person sees; None means all, and what has no shop as well."""
        return None if self.is_admin else frozenset(self.shop_roles)

    def may_see(self, shop_id: int | None) -> bool:
        return self.is_admin or shop_id in self.shop_roles

    def may(self, permission: Permission, shop_id: int | None) -> bool:
        """Whether the right holds in that shop (None: what no shop has claimed)."""
        if self.is_admin:
            return True
        role = self.shop_roles.get(shop_id) if shop_id is not None else None
        return role is not None and permission in SHOP_ROLES[role]

    def require(self, permission: Permission, shop_id: int | None) -> None:
        """Refuse what this person may not do.

        Raises
        ------
        NotFoundError
            The shop is not theirs to see: its existence is nobody's business.
        ForbiddenError
            They see it, but may not do this.
        """
        if not self.may_see(shop_id):
            raise NotFoundError("There is no such thing here, or it is not yours to see.")
        if not self.may(permission, shop_id):
            raise ForbiddenError("Your role does not allow this.")
