"""Rights of people: their role in the system and in each shop, changed with effect from the next request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from signalcraft.accounts import administration_queries as queries
from signalcraft.accounts.access import NotAllowedError, Principal
from signalcraft.accounts.access_changes import announce_change
from signalcraft.accounts.models import ShopMember, User
from signalcraft.accounts.roles import SHOP_ROLES, Permission, may_administer
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, InvalidInputError, NotFoundError


@dataclass(frozen=True)
class Member:
    """Somebody who belongs to a shop."""

    user: User
    grant: ShopMember


def grant(
    session: Session,
    user: User,
    *,
    shop_id: int,
    role: str,
    expires_at: datetime | None = None,
    by: int | None,
) -> ShopMember:
    """Give a person a role in a shop, in place of the one they had there. The caller has checked the right.

    Parameters
    ----------
    by : who grants it; None is the operator of the host.

    Raises
    ------
    InvalidInputError
        There is no such role or shop, or the grant would be over already.
    """
    now = utc_now()
    if role not in SHOP_ROLES:
        raise InvalidInputError(f"There is no role {role}: {', '.join(SHOP_ROLES)}.", field="role")
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("This time is over. 이미 지난 시각입니다.", field="expires_at")
    if not queries.shop_exists(session, shop_id):
        raise InvalidInputError("There is no such shop. 그런 매장이 없습니다.", field="shop_id")
    member = session.merge(
        ShopMember(
            user_id=user.id,
            shop_id=shop_id,
            role=role,
            expires_at=expires_at,
            granted_by=by,
            granted_at=now,
        )
    )
    session.flush()
    _record(session, "grant.given", by, member, {"role": role, "expires_at": expires_at})
    announce_change(session, user.id)
    return member


def require_owner_stays(
    session: Session, member: ShopMember, *, role: str, expires_at: datetime | None
) -> None:
    """Refuse another role for somebody of a shop that would then have no owner whose rights do not end.

    Raises
    ------
    ConflictError
        They are the last one.
    """
    if role != "store_owner" or expires_at is not None:
        _require_another_owner(session, member)


def withdraw(session: Session, member: ShopMember, *, by: int) -> None:
    """Take a person's rights in a shop away. The caller has checked the right to."""
    session.delete(member)
    session.flush()
    _record(session, "grant.withdrawn", by, member, {"role": member.role})
    announce_change(session, member.user_id)


def set_role(session: Session, principal: Principal, user: User, role: str) -> None:
    """Give a person another role in the whole system.

    Raises
    ------
    NotAllowedError
        Only super administrators make and unmake administrators.
    ConflictError
        Nobody would be left who may do everything.
    """
    if not (may_administer(principal.role, user.role) and may_administer(principal.role, role)):
        raise NotAllowedError
    if role == user.role:
        return
    if user.role == "super_admin":
        require_another_super_admin(session, user)
    detail = {"from": user.role, "to": role}
    user.role = role
    record(session, "user.role_changed", user_id=principal.user_id, subject=f"user:{user.id}", detail=detail)
    announce_change(session, user.id)


def require_another_super_admin(session: Session, user: User) -> None:
    """Refuse what would leave nobody who may do everything.

    Raises
    ------
    ConflictError
        This person is the last one.
    """
    if user.role == "super_admin" and not queries.lock_other_super_admins(session, user.id):
        raise ConflictError(
            "This is the last super administrator; make another one first."
            " 마지막 최고 관리자입니다. 먼저 다른 최고 관리자를 지정해 주세요."
        )


def list_members(session: Session, principal: Principal, shop_id: int) -> Sequence[Member]:
    """The people of a shop, by name, with grants that are over.

    Raises
    ------
    NotFoundError, NotAllowedError
        There is no such shop to this person, or they may not see who belongs to it.
    """
    _require_shop(session, principal, "member.read", shop_id)
    return [Member(user, member) for user, member in queries.members(session, shop_id)]


def change_member(
    session: Session,
    principal: Principal,
    shop_id: int,
    user_id: int,
    *,
    role: str,
    expires_at: datetime | None,
) -> Member:
    """Give somebody who belongs to the shop another role there. Others are invited, not looked up.

    Raises
    ------
    NotFoundError
        There is no such shop to this person, or nobody of that number belongs to it.
    ConflictError
        The shop would be left without an owner.
    """
    user, member = _lock_member(session, principal, shop_id, user_id)
    if not principal.holds_everywhere("user.manage"):
        require_owner_stays(session, member, role=role, expires_at=expires_at)
    return Member(
        user,
        grant(session, user, shop_id=shop_id, role=role, expires_at=expires_at, by=principal.user_id),
    )


def remove_member(session: Session, principal: Principal, shop_id: int, user_id: int) -> None:
    """Take somebody's rights in the shop away.

    Raises
    ------
    NotFoundError, ConflictError
        As in `change_member`.
    """
    _, member = _lock_member(session, principal, shop_id, user_id)
    if not principal.holds_everywhere("user.manage"):
        _require_another_owner(session, member)
    withdraw(session, member, by=principal.user_id)


def _lock_member(
    session: Session, principal: Principal, shop_id: int, user_id: int
) -> tuple[User, ShopMember]:
    _require_shop(session, principal, "member.manage", shop_id)
    found = queries.lock_member(session, shop_id, user_id)
    if found is None:
        raise NotFoundError("Nobody of that number belongs to this shop.", field="user_id")
    return found


def _require_shop(session: Session, principal: Principal, permission: Permission, shop_id: int) -> None:
    principal.require(permission, shop_id)
    if not queries.shop_exists(session, shop_id):
        raise NotFoundError("There is no such thing here, or it is not yours to see.")


def _require_another_owner(session: Session, member: ShopMember) -> None:
    if member.role != "store_owner":
        return
    if not queries.lock_other_owners(session, member.shop_id, member.user_id):
        raise ConflictError(
            "The shop needs an owner; make another one first. 매장에는 점주가 한 명 이상 있어야 합니다."
        )


def _record(
    session: Session, action: str, by: int | None, member: ShopMember, detail: dict[str, object]
) -> None:
    record(
        session,
        action,
        user_id=by,
        subject=f"user:{member.user_id}",
        shop_id=member.shop_id,
        detail=detail,
    )
