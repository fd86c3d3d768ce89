"""Rules of people: who there is, what they may do, their passwords."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.accounts import queries
from signalcraft.accounts.errors import WrongCredentialsError
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.accounts.sessions import end_all_sessions
from signalcraft.accounts.sign_in import Proven
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, NotFoundError


def get_user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


def create_user(
    session: Session, *, username: str, email: str | None, role: str, by: int | None = None
) -> tuple[User, str]:
    """A new person without rights in any shop, and their generated password, to be shown once.

    Parameters
    ----------
    by : who makes the account; None is the operator of the host.

    Raises
    ------
    ConflictError
        Somebody has this user name or e-mail already.
    """
    for login, field in ((username, "username"), (email, "email")):
        if login and queries.user_by_login(session, login) is not None:
            raise ConflictError(f"{login} is taken.", field=field)
    password = generate_password()
    user = User(
        username=username, email=email, full_name=username, role=role, password_hash=hash_password(password)
    )
    session.add(user)
    session.flush()
    record(session, "user.created", user_id=by, subject=f"user:{user.id}", detail={"role": role})
    return user, password


def set_password(
    session: Session,
    user: User,
    password_hash: str,
    *,
    by: int | None,
    now: datetime,
    keep: UUID | None = None,
) -> None:
    """Give a person a new password; their sessions end, but for the one to `keep`.

    Parameters
    ----------
    by : who did it, for the record; None for the operator.
    """
    user.password_hash = password_hash
    record(session, "password.changed", user_id=by, subject=f"user:{user.id}")
    end_all_sessions(session, user.id, by=by, reason="password_changed", now=now, keep=keep)


def change_password(
    session: Session, proven: Proven, password_hash: str, *, keep: UUID | None, now: datetime
) -> None:
    """Change one's own password, having shown the present one.

    Raises
    ------
    WrongCredentialsError
        It was changed elsewhere in the meantime.
    """
    user = queries.lock_user(session, proven.user_id)
    if user is None or user.password_hash != proven.password_hash:
        raise WrongCredentialsError
    set_password(session, user, password_hash, by=user.id, now=now, keep=keep)


def reset_password(session: Session, login: str) -> str:
    """A new generated password; every session of that person ends.

    Raises
    ------
    NotFoundError
        There is no such user.
    """
    user = queries.user_by_login(session, login)
    if user is None:
        raise NotFoundError(f"There is no user {login}.", field="username")
    password = generate_password()
    set_password(session, user, hash_password(password), by=None, now=utc_now())
    return password


def ensure_administrator(session: Session) -> str | None:
    """See to it that there is a super administrator.

    Where there is no user yet, `admin` is made one. An installation from before there were any has its oldest
    administrator made one.

    Returns
    -------
    The generated password of `admin`, to be shown once; None where people exist already.
    """
    if queries.count_users(session) == 0:
        return create_user(session, username="admin", email=None, role="super_admin")[1]
    if not queries.has_super_admin(session) and (oldest := queries.oldest_admin(session)) is not None:
        oldest.role = "super_admin"
        detail = {"from": "admin", "to": "super_admin"}
        record(session, "user.role_changed", user_id=None, subject=f"user:{oldest.id}", detail=detail)
    return None
