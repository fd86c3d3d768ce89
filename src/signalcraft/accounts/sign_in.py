"""Signing in: find the account, check the password, open a session or ask for the second factor.

The three steps are three calls, because the password is hashed in between with no transaction open: a flood
of sign-ins must not hold the database's connections.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from signalcraft.accounts import queries, second_factor, sessions, tokens
from signalcraft.accounts.errors import WrongCredentialsError
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import hash_password, is_wrapped, verify_password
from signalcraft.accounts.places import Place, device_name
from signalcraft.accounts.sessions import SignedIn
from signalcraft.audit.service import record


@dataclass(frozen=True)
class Account:
    """What is needed to check a password; of a name that nobody has, nothing."""

    user_id: int | None
    password_hash: str | None
    is_active: bool


@dataclass(frozen=True)
class Proven:
    """Somebody has shown that they know this account's password."""

    user_id: int
    password_hash: str
    better_hash: str | None
    """The same password hashed anew, where the old server's hash was kept until now."""


@dataclass(frozen=True)
class SecondFactorNeeded:
    """The password was right; the ticket says so to the second step."""

    ticket: str


def account_of(session: Session, login: str) -> Account:
    """The account of that user name or e-mail, or what is as much work to check."""
    user = queries.user_by_login(session, login)
    return Account(None, None, is_active=False) if user is None else account(user)


def account(user: User) -> Account:
    """What is needed to check a person's password."""
    return Account(user.id, user.password_hash, is_active=user.status == "active")


def check_password(account: Account, password: str) -> Proven:
    """Check a password, as long for an account that does not exist; call it outside of any transaction.

    Raises
    ------
    WrongCredentialsError
        Unknown user, wrong password or an account that is not active: not told apart.
    UnavailableError
        Too many sign-ins at once.
    """
    matches = verify_password(account.password_hash, password)
    if not matches or account.user_id is None or account.password_hash is None or not account.is_active:
        raise WrongCredentialsError
    better = hash_password(password) if is_wrapped(account.password_hash) else None
    return Proven(account.user_id, account.password_hash, better)


def enter(session: Session, proven: Proven, place: Place, *, now: datetime) -> SignedIn | SecondFactorNeeded:
    """Open a session, or hand out the ticket where the person has a second factor.

    Raises
    ------
    WrongCredentialsError
        The password was changed, or the account suspended, while it was being checked.
    """
    user = queries.lock_user(session, proven.user_id)
    if user is None or user.status != "active" or user.password_hash != proven.password_hash:
        raise WrongCredentialsError
    if proven.better_hash is not None:
        user.password_hash = proven.better_hash
    if second_factor.is_enrolled(session, user.id):
        return SecondFactorNeeded(_ticket_for(user, now))
    return _open(session, user, place, now, second_factor=False)


def enter_with_second_factor(
    session: Session, ticket: str, code: str, place: Place, *, now: datetime
) -> SignedIn | None:
    """Open the session of somebody who has given their password before; None where the code is wrong.

    None is not an exception because the failed attempt must be counted.

    Raises
    ------
    SessionEndedError
        The ticket is forged or too old.
    WrongCredentialsError
        The password was changed or the account suspended since.
    TooManyAttemptsError
        Too many wrong codes.
    """
    claims = tokens.read_ticket(ticket, now)
    user = queries.lock_user(session, claims.user_id)
    if user is None or user.status != "active":
        raise WrongCredentialsError
    if tokens.password_fingerprint(user.password_hash) != claims.password:
        raise WrongCredentialsError
    if not second_factor.accept(session, user.id, code, now=now):
        return None
    return _open(session, user, place, now, second_factor=True)


def enter_without_password(
    session: Session, user_id: int, place: Place, *, now: datetime
) -> SignedIn | SecondFactorNeeded:
    """Open a session for somebody whom another provider has identified; our second factor counts here too.

    Raises
    ------
    WrongCredentialsError
        The account is not active.
    """
    user = queries.lock_user(session, user_id)
    if user is None or user.status != "active":
        raise WrongCredentialsError
    if second_factor.is_enrolled(session, user.id):
        return SecondFactorNeeded(_ticket_for(user, now))
    return _open(session, user, place, now, second_factor=False)


def note_failure(session: Session, login: str, place: Place, *, step: str = "password") -> None:
    """Record a failed attempt to sign in.

    The name is recorded as it was typed, shortened: it may not be one of ours, nor a name at all.
    """
    detail = {
        "login": login[:64],
        "step": step,
        "address": place.address,
        "device": device_name(place.user_agent),
    }
    record(session, "sign_in.failed", user_id=None, detail=detail)


def _ticket_for(user: User, now: datetime) -> str:
    """The ticket of somebody who has proved who they are but for the second factor."""
    fingerprint = tokens.password_fingerprint(user.password_hash)
    return tokens.issue_ticket(tokens.Ticket(user.id, fingerprint), now)


def _open(session: Session, user: User, place: Place, now: datetime, *, second_factor: bool) -> SignedIn:
    user.last_login_at = now
    return sessions.open_session(session, user, place, now=now, second_factor=second_factor)
