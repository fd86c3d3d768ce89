"""Rules of sign-in and sessions."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from signalcraft.accounts import queries, tokens
from signalcraft.accounts.access import Principal
from signalcraft.accounts.errors import SessionEndedError, WrongCredentialsError
from signalcraft.accounts.models import RefreshToken, ShopMember, User
from signalcraft.accounts.passwords import generate_password, hash_password, is_wrapped, verify_password
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)

REUSE_GRACE = timedelta(seconds=10)
"""A client whose answer was lost retries at once; a thief who comes later is caught."""


@dataclass(frozen=True)
class SignedIn:
    user: User
    access_token: str
    refresh_token: str


def sign_in(session: Session, *, login: str, password: str) -> SignedIn:
    """Check the password and open a session.

    Raises
    ------
    WrongCredentialsError
        Unknown user, wrong password or an account that is not active: not told apart.
    """
    user = queries.user_by_login(session, login)
    if not verify_password(user.password_hash if user else None, password) or user is None:
        raise WrongCredentialsError
    if user.status != "active":
        raise WrongCredentialsError
    user.last_login_at = utc_now()
    if is_wrapped(user.password_hash):
        user.password_hash = hash_password(password)
    token = tokens.new_refresh_token()
    family = uuid4()
    _add_link(session, user.id, family, token)
    return SignedIn(user, tokens.issue_access_token(tokens.AccessClaims(user.id, family), utc_now()), token)


def refresh(session: Session, refresh_token: str) -> SignedIn | None:
    """The next pair of tokens, or None where the session is over.

    None is not an exception because the revocation that a replay causes must be committed.
    """
    now = utc_now()
    link = queries.lock_refresh_token(session, tokens.refresh_token_hash(refresh_token))
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return None
    following = tokens.successor(refresh_token)
    if link.used_at is None:
        link.used_at = now
        _add_link(session, link.user_id, link.family, following)
    elif now - link.used_at > REUSE_GRACE or _is_used(session, following):
        queries.revoke_family(session, link.family, now)
        log.warning("refresh_token_replayed", user_id=link.user_id, family=str(link.family))
        return None
    user = session.get(User, link.user_id)
    if user is None or user.status != "active":
        return None
    claims = tokens.AccessClaims(user.id, link.family)
    return SignedIn(user, tokens.issue_access_token(claims, now), following)


def sign_out(session: Session, refresh_token: str | None) -> None:
    """End the session that the token belongs to; an unknown token is no error."""
    if refresh_token:
        link = queries.lock_refresh_token(session, tokens.refresh_token_hash(refresh_token))
        if link is not None:
            queries.revoke_family(session, link.family, utc_now())


def authenticate_access_token(session: Session, token: str) -> Principal:
    """The caller, with the roles of this moment: a change of role or a sign-out takes effect at once.

    Raises
    ------
    SessionEndedError
        The token is not valid, its session is over, or the account is not active.
    """
    claims = tokens.read_access_token(token)
    user = session.get(User, claims.user_id)
    if user is None or user.status != "active" or not queries.family_is_live(session, claims.family):
        raise SessionEndedError
    return Principal(
        user_id=user.id,
        username=user.username,
        role=user.role,
        shop_roles={} if user.role == "admin" else queries.shop_roles(session, user.id, utc_now()),
    )


def get_user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError("There is no such user.")
    return user


def create_user(session: Session, *, username: str, email: str | None, role: str) -> tuple[User, str]:
    """A new person without rights in any shop, and their generated password, to be shown once.

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
    return user, password


def grant(session: Session, user: User, *, shop_id: int, role: str) -> None:
    """Give a person a role in a shop, in place of the one they had there."""
    session.merge(ShopMember(user_id=user.id, shop_id=shop_id, role=role))


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
    user.password_hash = hash_password(password)
    session.flush()  # holds the person's row from here on: no refresh adds a link that is then overlooked
    queries.revoke_sessions(session, user.id, utc_now())
    return password


def ensure_administrator(session: Session) -> str | None:
    """Make the first administrator, `admin`, where there is no user yet.

    Returns
    -------
    The generated password, to be shown once; None where people exist already.
    """
    if queries.count_users(session):
        return None
    password = generate_password()
    session.add(
        User(username="admin", full_name="Administrator", role="admin", password_hash=hash_password(password))
    )
    return password


def _add_link(session: Session, user_id: int, family: UUID, token: str) -> None:
    now = utc_now()
    session.add(
        RefreshToken(
            token_hash=tokens.refresh_token_hash(token),
            family=family,
            user_id=user_id,
            created_at=now,
            expires_at=now + timedelta(days=get_settings().refresh_token_days),
        )
    )


def _is_used(session: Session, token: str) -> bool:
    link = session.get(RefreshToken, tokens.refresh_token_hash(token))
    return link is not None and link.used_at is not None
