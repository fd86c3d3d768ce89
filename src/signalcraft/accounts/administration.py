"""What administrators do with people's accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.accounts import administration_queries as queries
from signalcraft.accounts import grants, second_factor, service, sessions
from signalcraft.accounts import queries as account_queries
from signalcraft.accounts.access import NotAllowedError, Principal
from signalcraft.accounts.access_changes import announce_change
from signalcraft.accounts.administration_queries import WantedPeople
from signalcraft.accounts.api_tokens import revoke_token
from signalcraft.accounts.models import AccountSession, ApiToken, ShopMember, User
from signalcraft.accounts.roles import Permission, may_administer
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, NotFoundError


@dataclass(frozen=True)
class Account:
    """A person as administrators see them; `grants` are pairs of a grant and its shop's name."""

    user: User
    grants: Sequence[tuple[ShopMember, str]]
    second_factor: bool


def list_accounts(
    session: Session, principal: Principal, wanted: WantedPeople, *, offset: int, limit: int
) -> tuple[Sequence[Account], int]:
    """One page of people by user name, and how many match in all."""
    principal.require_everywhere("user.read")
    found, total = queries.people(session, wanted, offset=offset, limit=limit)
    return _accounts(session, found), total


def get_account(session: Session, principal: Principal, user_id: int) -> Account:
    """One person.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    principal.require_everywhere("user.read")
    return _accounts(session, [service.get_user(session, user_id)])[0]


def create_account(
    session: Session,
    principal: Principal,
    *,
    username: str,
    full_name: str | None,
    email: str | None,
    role: str,
    language: str,
) -> tuple[Account, str]:
    """A new person and their generated password, to be shown once.

    Raises
    ------
    NotAllowedError
        Only super administrators make administrators.
    ConflictError
        Somebody has this user name or e-mail already.
    """
    principal.require_everywhere("user.manage")
    if not may_administer(principal.role, role):
        raise NotAllowedError
    user, password = service.create_user(
        session, username=username, email=email, role=role, by=principal.user_id
    )
    user.full_name, user.language = full_name or username, language
    return _accounts(session, [user])[0], password


def change_account(
    session: Session, principal: Principal, user_id: int, *, role: str | None, status: str | None
) -> Account:
    """Give a person another role, suspend or activate them; None leaves as it is.

    Raises
    ------
    NotFoundError, NotAllowedError
        There is nobody of that number, or it is not this administrator's to decide.
    ConflictError
        Nobody would be left who may do everything, or the person was erased.
    """
    user = _lock(session, principal, user_id)
    if role is not None:
        grants.set_role(session, principal, user, role)
    if status is not None and status != user.status:
        _set_status(session, principal, user, status)
    return _accounts(session, [user])[0]


def grant(
    session: Session,
    principal: Principal,
    user_id: int,
    *,
    shop_id: int,
    role: str,
    expires_at: datetime | None,
) -> Account:
    """Give a person a role in a shop.

    Raises
    ------
    NotFoundError, NotAllowedError, InvalidInputError
        There is nobody of that number, it is not this administrator's to decide, or there is no such shop.
    """
    user = _lock(session, principal, user_id)
    grants.grant(session, user, shop_id=shop_id, role=role, expires_at=expires_at, by=principal.user_id)
    return _accounts(session, [user])[0]


def withdraw_grant(session: Session, principal: Principal, user_id: int, shop_id: int) -> Account:
    """Take a person's role in a shop away.

    Raises
    ------
    NotFoundError
        There is nobody of that number, or they have no role there.
    """
    user = _lock(session, principal, user_id)
    found = queries.lock_member(session, shop_id, user_id)
    if found is None:
        raise NotFoundError("They have no role in such a shop. 그 매장에 권한이 없습니다.")
    grants.withdraw(session, found[1], by=principal.user_id)
    return _accounts(session, [user])[0]


def reset_password(session: Session, principal: Principal, user_id: int, password_hash: str) -> None:
    """Give a person another password; all their sessions end."""
    user = _lock(session, principal, user_id)
    service.set_password(session, user, password_hash, by=principal.user_id, now=utc_now())


def remove_second_factor(session: Session, principal: Principal, user_id: int) -> None:
    """Let somebody in who has lost their second factor and its recovery codes; all their sessions end."""
    user = _lock(session, principal, user_id)
    second_factor.remove(session, user.id, by=principal.user_id)
    _end_sessions(session, principal, user_id, reason="second_factor_removed")


def end_all_sessions(session: Session, principal: Principal, user_id: int) -> int:
    """Sign a person out everywhere; how many sessions that were."""
    user = _lock(session, principal, user_id, "session.manage")
    return _end_sessions(session, principal, user.id, reason="ended_by_administrator")


def list_sessions(
    session: Session, principal: Principal, user_id: int | None, *, offset: int, limit: int
) -> tuple[Sequence[tuple[AccountSession, str]], int]:
    """One page of live sessions, and how many there are in all."""
    principal.require_everywhere("session.manage")
    return queries.live_sessions(session, user_id, offset=offset, limit=limit)


def end_session(session: Session, principal: Principal, session_id: UUID) -> None:
    """End somebody's session.

    Raises
    ------
    NotFoundError, NotAllowedError
        There is no such live session, or it is of somebody who is not this administrator's to manage.
    """
    principal.require_everywhere("session.manage")
    found = session.get(AccountSession, session_id)
    if found is None:
        raise NotFoundError("There is no such session. 그런 세션이 없습니다.")
    _require_rank(principal, service.get_user(session, found.user_id))
    sessions.end_session(session, session_id, user_id=found.user_id, by=principal.user_id, now=utc_now())


def list_tokens(
    session: Session, principal: Principal, user_id: int | None, *, offset: int, limit: int
) -> tuple[Sequence[tuple[ApiToken, str]], int]:
    """One page of API tokens that could be used, and how many there are in all."""
    principal.require_everywhere("token.manage")
    return queries.usable_tokens(session, user_id, utc_now(), offset=offset, limit=limit)


def revoke(session: Session, principal: Principal, token_id: int) -> None:
    """Refuse somebody's API token from the next request on.

    Raises
    ------
    NotFoundError, NotAllowedError
        As in `end_session`.
    """
    principal.require_everywhere("token.manage")
    token = session.get(ApiToken, token_id)
    if token is None:
        raise NotFoundError("There is no such token.", field="token_id")
    _require_rank(principal, service.get_user(session, token.user_id))
    revoke_token(session, token.user_id, token_id, by=principal.user_id)


def promote(session: Session, login: str, role: str) -> None:
    """Give a person a role in the whole system, at the word of the operator of the host.

    Raises
    ------
    NotFoundError, ConflictError
        There is no such person, or nobody would be left who may do everything.
    """
    user = account_queries.user_by_login(session, login)
    if user is None:
        raise NotFoundError(f"There is no user {login}.", field="username")
    if role != "super_admin":
        grants.require_another_super_admin(session, user)
    detail = {"from": user.role, "to": role}
    user.role = role
    record(session, "user.role_changed", user_id=None, subject=f"user:{user.id}", detail=detail)
    announce_change(session, user.id)


def _set_status(session: Session, principal: Principal, user: User, status: str) -> None:
    if user.erased_at is not None:
        raise ConflictError("This person was erased. 삭제된 사용자입니다.")
    if status != "active":
        grants.require_another_super_admin(session, user)
    detail = {"from": user.status, "to": status}
    user.status = status
    subject = f"user:{user.id}"
    record(session, "user.status_changed", user_id=principal.user_id, subject=subject, detail=detail)
    if status != "active":
        _end_sessions(session, principal, user.id, reason="suspended")


def _end_sessions(session: Session, principal: Principal, user_id: int, *, reason: str) -> int:
    return sessions.end_all_sessions(session, user_id, by=principal.user_id, reason=reason, now=utc_now())


def _lock(
    session: Session, principal: Principal, user_id: int, permission: Permission = "user.manage"
) -> User:
    """A person whom this administrator may manage, locked."""
    principal.require_everywhere(permission)
    user = account_queries.lock_user(session, user_id)
    if user is None:
        raise NotFoundError("There is no such user. 그런 사용자가 없습니다.", field="user_id")
    _require_rank(principal, user)
    return user


def _require_rank(principal: Principal, user: User) -> None:
    if not may_administer(principal.role, user.role):
        raise NotAllowedError


def _accounts(session: Session, users: Sequence[User]) -> list[Account]:
    session.flush()
    ids = [user.id for user in users]
    of_all = queries.grants_of(session, ids)
    enrolled = queries.with_second_factor(session, ids)
    return [
        Account(user, [pair for pair in of_all if pair[0].user_id == user.id], user.id in enrolled)
        for user in users
    ]
