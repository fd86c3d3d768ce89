"""Export and erasure of a person."""

import json
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy.orm import Session

from signalcraft.accounts import grants
from signalcraft.accounts import queries as account_queries
from signalcraft.accounts.access import NotAllowedError, Principal
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import NO_PASSWORD
from signalcraft.accounts.roles import may_administer
from signalcraft.accounts.sessions import end_all_sessions
from signalcraft.audit import service as audit
from signalcraft.audit.schemas import RecordOut
from signalcraft.clock import iso, utc_now
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.personal_data import queries
from signalcraft.personal_data.holdings import HOLDINGS

_OWN_FIELDS = (
    "id",
    "username",
    "full_name",
    "email",
    "phone",
    "role",
    "status",
    "language",
    "created_at",
    "last_login_at",
    "email_confirmed_at",
    "details",
)


def export(session: Session, principal: Principal, user_id: int) -> str:
    """Everything that is known of a person, as a JSON document for themselves or for an administrator.

    Raises
    ------
    NotFoundError, NotAllowedError
        There is nobody of that number, or they are not this caller's to export.
    """
    user = _lock(session, principal, user_id)
    held: dict[str, list[Any]] = {}
    for holding in HOLDINGS:
        held.setdefault(holding.table.name, []).extend(queries.rows(session, holding, user))
    document = {
        "exported_at": iso(utc_now()),
        "account": {name: getattr(user, name) for name in _OWN_FIELDS},
        **held,
        "audit": [
            RecordOut.of(record).model_dump(exclude={"username", "hash"})
            for record in audit.about(session, user.id)
        ],
    }
    audit.record(session, "personal_data.exported", user_id=principal.user_id, subject=f"user:{user.id}")
    return json.dumps(to_jsonable_python(document), ensure_ascii=False, indent=1)


def erase(session: Session, principal: Principal, user_id: int) -> None:
    """Leave nothing of a person but a number: in what they said about machines, and in the audit log.

    Raises
    ------
    NotFoundError, NotAllowedError
        There is nobody of that number, or they are not this caller's to erase.
    ConflictError
        They are the last super administrator, or were erased before.
    """
    user = _lock(session, principal, user_id)
    if user.erased_at is not None:
        raise ConflictError("This person was erased before. 이미 삭제된 사용자입니다.")
    grants.require_another_super_admin(session, user)
    now = utc_now()
    end_all_sessions(session, user.id, by=principal.user_id, reason="erased", now=now)
    audit.record(session, "user.erased", user_id=principal.user_id, subject=f"user:{user.id}")
    for holding in HOLDINGS:
        if holding.goes:
            queries.remove(session, holding, user)
    logins = [user.username, *([user.email] if user.email else [])]
    queries.rename_in_decisions(session, user.username, nameless(user.id))
    _empty(user)
    user.erased_at = now
    session.flush()
    audit.forget_person(session, user.id, logins)


def nameless(user_id: int) -> str:
    """What stands in place of a user name; no registration can take it, for it begins with a bracket."""
    return f"(erased {user_id})"


def _empty(user: User) -> None:
    user.username = nameless(user.id)
    user.full_name = ""
    user.email = user.phone = user.details = None
    user.email_confirmed_at = user.last_login_at = None
    user.password_hash = NO_PASSWORD
    user.role = "user"
    user.status = "suspended"


def _lock(session: Session, principal: Principal, user_id: int) -> User:
    """A person's own account, or one that the caller may erase, locked."""
    is_own = user_id == principal.user_id
    if not is_own:
        principal.require_everywhere("user.delete")
    user = account_queries.lock_user(session, user_id)
    if user is None:
        raise NotFoundError("There is no such user. 그런 사용자가 없습니다.", field="user_id")
    if not is_own and not may_administer(principal.role, user.role):
        raise NotAllowedError
    return user
