"""The caller of a request and what they may see and do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from signalcraft.accounts.roles import ADMINISTRATORS, GLOBAL_ROLES, SHOP_ROLES, Permission
from signalcraft.errors import ForbiddenError, NotFoundError
from signalcraft.logging import bind
from signalcraft.observability.sentry import identify


@dataclass(frozen=True)
class AccessRule:
    """What a route demands of its caller."""

    caller: Literal["public", "device", "user"]
    permission: Permission | None = None
    """The right that a user must hold; None: whoever has signed in themselves, about their own account."""
    everywhere: bool = False
    """Whether it must hold for the whole system, not just in a shop."""


@dataclass(frozen=True)
class Principal:
    """A signed-in person, or a program with a token of theirs, with the rights of this moment."""

    user_id: int
    username: str
    role: str
    shop_roles: Mapping[int, str] = field(default_factory=dict)
    """Role in each shop; expired grants and suspended shops are left out."""
    session_id: UUID | None = None
    """The session that this request belongs to."""
    second_factor: bool = False
    """Whether that session was opened, or confirmed since, with a second factor."""
    token_id: int | None = None
    """The API token that this request carries in place of a session."""
    scopes: frozenset[Permission] | None = None
    """What the token may do of what its person may; None is everything."""
    token_shops: frozenset[int] | None = None
    """The shops that the token is for; None is all that its person sees."""

    @property
    def quota_subject(self) -> str:
        """Whose quota of requests (`ratelimits`) this caller uses."""
        return f"account:{self.user_id}" if self.token_id is None else f"token:{self.token_id}"

    @property
    def is_admin(self) -> bool:
        """Whether the person is an administrator; what a token of theirs may do is `may`'s to say."""
        return self.role in ADMINISTRATORS

    @property
    def shop_ids(self) -> frozenset[int] | None:
        """The shops this caller sees; None means all, and what has no shop as well."""
        if self.is_admin:
            return self.token_shops
        own = frozenset(self.shop_roles)
        return own if self.token_shops is None else own & self.token_shops

    def may_see(self, shop_id: int | None) -> bool:
        """Whether what belongs to that shop (None: to none) exists for this caller."""
        visible = self.shop_ids
        return visible is None or shop_id in visible

    def may(self, permission: Permission, shop_id: int | None) -> bool:
        """Whether the right holds in that shop (None: what no shop has claimed)."""
        if not self.may_see(shop_id) or not self._is_in_scope(permission):
            return False
        if permission in GLOBAL_ROLES[self.role]:
            return True
        role = self.shop_roles.get(shop_id) if shop_id is not None else None
        return role is not None and permission in SHOP_ROLES[role]

    def holds(self, permission: Permission) -> bool:
        """Whether the right holds anywhere: what a route asks before it looks at anything."""
        if not self._is_in_scope(permission):
            return False
        if permission in GLOBAL_ROLES[self.role]:
            return True
        return any(self.may(permission, shop_id) for shop_id in self.shop_roles)

    def holds_everywhere(self, permission: Permission) -> bool:
        """Whether the right holds for the whole system, for every shop and for what belongs to none."""
        return self.is_admin and self.may(permission, None)

    def shops_with(self, permission: Permission) -> frozenset[int] | None:
        """The shops in which the right holds; None means all, and what has no shop as well."""
        if self.holds_everywhere(permission):
            return None
        candidates = self.shop_ids if self.shop_ids is not None else frozenset[int]()
        return frozenset(shop_id for shop_id in candidates if self.may(permission, shop_id))

    def require(self, permission: Permission, shop_id: int | None) -> None:
        """Refuse what this caller may not do.

        Raises
        ------
        NotFoundError
            The shop is not theirs to see: its existence is nobody's business.
        ForbiddenError
            They see it, but may not do this.
        """
        identify(shop_id=shop_id)
        bind(shop_id=shop_id)
        if not self.may_see(shop_id):
            raise NotFoundError("There is no such thing here, or it is not yours to see.")
        if not self.may(permission, shop_id):
            raise NotAllowedError

    def require_everywhere(self, permission: Permission) -> None:
        """Refuse who does not hold the right for the whole system.

        Raises
        ------
        ForbiddenError
            They do not.
        """
        if not self.holds_everywhere(permission):
            raise NotAllowedError

    def _is_in_scope(self, permission: Permission) -> bool:
        return self.scopes is None or permission in self.scopes


class NotAllowedError(ForbiddenError):
    """The caller's role, or the token's scope, does not grant it."""

    def __init__(self) -> None:
        super().__init__("Your role does not allow this. 권한이 없습니다.")
