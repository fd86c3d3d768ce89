"""The four stores of people become one: merged by e-mail, no right raised, passwords kept inside argon2id.

Who had an account is decided by the e-mail in lower case without space around it. Nothing is guessed: two
accounts of one store with the same e-mail are one person without a password (whose would it be?), and whoever
has no usable password gets a new one from the operator (`signalcraft user NAME --reset`).
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Literal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from signalcraft.accounts import queries
from signalcraft.accounts.models import ShopMember, User
from signalcraft.accounts.passwords import (
    NO_PASSWORD,
    SHARED_PASSWORD,
    hash_password,
    is_wrapped,
    wrap_old_hash,
)
from signalcraft.clock import utc_now
from signalcraft.migration import cleaning
from signalcraft.migration.ledger import Ledger, Row, Source, rows

Store = Literal["express", "permissions", "flask"]

STORES: Mapping[Store, frozenset[str]] = {
    "express": frozenset({"id", "username", "email", "password_hash"}),
    "permissions": frozenset({"user_id", "username", "email", "role", "status", "password_hash"}),
    "flask": frozenset({"id", "email", "password", "name"}),
}
"""Columns by which the tables called `users` are told apart, strongest first: Express signed people in."""

_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_SHARED_PASSWORDS = frozenset({SHARED_PASSWORD, hashlib.sha256(SHARED_PASSWORD.encode()).hexdigest()})
"""Nobody's own; with the old salt it is recognised at sign-in (`accounts.passwords`)."""
_SUSPENDED = frozenset({"suspended", "inactive", "disabled", "locked", "banned"})
_ADMINISTRATORS = frozenset({"admin", "super_admin", "superadmin", "administrator", "root"})


@dataclass
class People:
    """What the report says about people."""

    accounts: int = 0
    persons: int = 0
    merged_with_existing: int = 0
    not_administrators: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    without_password: list[str] = field(default_factory=list)
    passwords: dict[str, int] = field(default_factory=dict)
    """What the new persons' passwords were: bcrypt, sha256, plain_text, ambiguous, none."""


@dataclass(frozen=True)
class _Account:
    store: Store
    row: Row
    email: str | None
    username: str | None
    full_name: str | None
    phone: str | None
    password: str
    role: str
    status: str
    created_at: datetime | None
    last_login_at: datetime | None

    @property
    def user_key(self) -> str:
        """How the other old tables call this person."""
        return str(cleaning.text(self.row.values.get("user_id", self.row.values.get("id"))).value)


def store_of(columns: frozenset[str]) -> Store | None:
    """Which store a table called `users` is; None for any other."""
    for store, needed in STORES.items():
        if needed <= columns:
            return store
    return None


def move(session: Session, sources: Sequence[tuple[Store, Source]], zone: tzinfo) -> People:
    """Merge and store the people of these tables."""
    found = People()
    ledger = Ledger(session)
    groups: dict[str, list[_Account]] = defaultdict(list)
    for store, source in sources:
        for window in rows(session, source):
            for row in window:
                account = _account(store, row, zone)
                found.accounts += 1
                if account.email is None:
                    if not row.is_done:
                        ledger.reject(row, "users", "no_email")
                else:
                    groups[account.email].append(account)
    for email, accounts in groups.items():
        _move_person(session, ledger, email, accounts, found)
    found.persons = len(groups)
    ledger.write()
    session.flush()
    found.without_password = list(
        session.scalars(
            select(User.username).where(User.password_hash == NO_PASSWORD).order_by(User.username)
        )
    )
    return found


def user_ids(session: Session) -> dict[str, int]:
    """Our user id by the id of the dashboard's users, which shops and grants refer to."""
    return {
        str(key): target
        for key, target in session.execute(
            text(
                "SELECT o.note, o.target_id FROM legacy.outcomes o "
                "WHERE o.target = 'users' AND o.target_id IS NOT NULL AND o.note IS NOT NULL"
            )
        )
    }


def _account(store: Store, row: Row, zone: tzinfo) -> _Account:
    values = row.values
    email = cleaning.line(values.get("email"))
    email = email.lower() if email and _EMAIL.match(email) else None
    profile = cleaning.document(values.get("profile")).value
    phone = cleaning.line(values.get("phone"))
    if phone is None and isinstance(profile, dict):
        phone = profile.get("phone") if isinstance(profile.get("phone"), str) else None
    # Express and Flask let SQLite write CURRENT_TIMESTAMP, which is UTC; the dashboard wrote local time.
    clock = zone if store == "permissions" else UTC
    return _Account(
        store=store,
        row=row,
        email=email,
        username=cleaning.line(values.get("username")) or email,
        full_name=cleaning.line(values.get("full_name", values.get("name"))),
        phone=phone,
        password=cleaning.line(values.get("password_hash", values.get("password"))) or "",
        role=(cleaning.line(values.get("role")) or "user").lower(),
        status=(cleaning.line(values.get("status")) or "active").lower(),
        created_at=cleaning.moment(values.get("created_at"), clock).value,
        last_login_at=cleaning.moment(values.get("last_login"), clock).value,
    )


def _move_person(
    session: Session, ledger: Ledger, email: str, accounts: list[_Account], found: People
) -> None:
    order = list(STORES)
    accounts = sorted(accounts, key=lambda account: (order.index(account.store), account.row.row_id))
    if any(account.role in _ADMINISTRATORS for account in accounts):
        found.not_administrators.append(email)
    same_store = [store for store, n in Counter(a.store for a in accounts).items() if n > 1]
    if same_store:
        found.ambiguous.append(email)
    if all(account.row.is_done for account in accounts):
        return
    known = [a.row.earlier.target_id for a in accounts if a.row.earlier and a.row.earlier.target_id]
    user = session.get(User, known[0]) if known else None
    ours = user is not None
    user = user or session.scalar(select(User).where(func.lower(User.email) == email))
    if user is None:
        user = _new_user(session, email, accounts, found, ambiguous=bool(same_store))
        outcome_of_first = "inserted"
    else:
        outcome_of_first = "merged"
        if ours:
            _refresh(user, accounts, ambiguous=bool(same_store))
        else:
            found.merged_with_existing += 1
    for place, account in enumerate(accounts):
        outcome = outcome_of_first if place == 0 else "merged"
        note = account.user_key if account.store == "permissions" else None
        if not account.row.is_done:
            ledger.record(
                account.row, "inserted" if outcome == "inserted" else "merged", "users", user.id, note
            )


def _new_user(
    session: Session, email: str, accounts: Sequence[_Account], found: People, *, ambiguous: bool
) -> User:
    password, kind = _password(accounts, ambiguous=ambiguous)
    username = _free_username(session, accounts[0].username or email, email, found)
    user = User(
        username=username,
        email=email,
        full_name=next((a.full_name for a in accounts if a.full_name), username),
        phone=next((a.phone for a in accounts if a.phone), None),
        role="user",
        status=_status(accounts),
        password_hash=password,
        created_at=min((a.created_at for a in accounts if a.created_at), default=utc_now()),
        last_login_at=max((a.last_login_at for a in accounts if a.last_login_at), default=None),
    )
    found.passwords[kind] = found.passwords.get(kind, 0) + 1
    session.add(user)
    session.flush()
    return user


def _refresh(user: User, accounts: Sequence[_Account], *, ambiguous: bool) -> None:
    """What changed at the source since; a password only as long as the person has not signed in here."""
    user.phone = user.phone or next((a.phone for a in accounts if a.phone), None)
    logins = [a.last_login_at for a in accounts if a.last_login_at]
    user.last_login_at = max([*logins, *([user.last_login_at] if user.last_login_at else [])], default=None)
    if is_wrapped(user.password_hash):
        user.password_hash, _ = _password(accounts, ambiguous=ambiguous)


def _password(accounts: Sequence[_Account], *, ambiguous: bool) -> tuple[str, str]:
    """The hash to keep, of the strongest store that has a usable one, and what it was."""
    if ambiguous:
        return NO_PASSWORD, "ambiguous"
    for account in accounts:
        old = account.password
        if not old or old in _SHARED_PASSWORDS:
            continue
        if wrapped := wrap_old_hash(old):
            return wrapped, "bcrypt" if old.startswith("$2") else "sha256"
        # The old Flask store kept some passwords as they were typed; a cut-off hash is not one of them.
        if account.store == "flask" and not old.startswith("$") and len(old) >= 4:
            return hash_password(old), "plain_text"
    return NO_PASSWORD, "none"


def _status(accounts: Sequence[_Account]) -> str:
    """Suspended anywhere is suspended; active needs a store that let the person sign in."""
    if any(account.status in _SUSPENDED for account in accounts):
        return "suspended"
    if any(account.store != "permissions" or account.status == "active" for account in accounts):
        return "active"
    return "pending"


def _free_username(session: Session, wanted: str, email: str, found: People) -> str:
    wanted = wanted[:200]
    if queries.user_by_login(session, wanted) is None:
        return wanted
    username, number = email, 1
    while queries.user_by_login(session, username) is not None:
        number += 1
        username = f"{email}-{number}"
    found.renamed.append(f"{wanted} → {username}")
    return username


ACCESS_COLUMNS = frozenset({"user_id", "store_id", "permissions"})
SHOP_ROLES = frozenset({"store_owner", "store_manager", "technician", "viewer"})


def move_grants(
    session: Session, source: Source, roles: Mapping[str, str], shops: Mapping[str, int], zone: tzinfo
) -> None:
    """Rights in one shop: never more than the old role had, and only reading where the list says no more."""
    people = user_ids(session)
    for window in rows(session, source):
        ledger = Ledger(session)
        for row in window:
            if row.is_done:
                continue
            user_key, store_key = (cleaning.line(row.values.get(k)) or "" for k in ("user_id", "store_id"))
            user_id, shop_id = people.get(user_key), shops.get(store_key)
            if user_id is None or shop_id is None:
                ledger.reject(row, "shop_members", "unknown_person" if user_id is None else "unknown_shop")
                continue
            expires = cleaning.moment(row.values.get("expires_at"), zone)
            member = session.get(ShopMember, (user_id, shop_id))
            role = _shop_role(roles.get(user_key, ""), cleaning.document(row.values.get("permissions")).value)
            if member is None:
                session.add(ShopMember(user_id=user_id, shop_id=shop_id, role=role, expires_at=expires.value))
                session.flush()
            elif row.earlier is not None:
                member.role, member.expires_at = role, expires.value
            ledger.record(row, "inserted" if member is None else "merged", "shop_members", shop_id)
        ledger.write()


def old_roles(session: Session, source: Source) -> dict[str, str]:
    """The dashboard's users by id, with their role there."""
    return {
        cleaning.line(row.values.get("user_id")) or "": (cleaning.line(row.values.get("role")) or "").lower()
        for window in rows(session, source)
        for row in window
    }


def _shop_role(role: str, permissions: object) -> str:
    listed = [str(entry) for entry in permissions] if isinstance(permissions, list) else []
    may_change = any(entry.endswith(("_create", "_update", "_delete")) for entry in listed)
    if not may_change:
        return "viewer"
    if role == "store_owner":
        return "store_manager"  # a grant in somebody's shop; who owns it stands with the shop
    return role if role in SHOP_ROLES else "technician"
