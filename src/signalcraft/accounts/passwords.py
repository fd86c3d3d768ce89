"""Password hashing: argon2id at OWASP's settings, after everything else that wants a core, and few that wait.

Hashes of the old server are kept inside an argon2id hash, so that no fast hash lies in the table; the
person's first sign-in replaces them (`is_wrapped`). Three forms stand in `password_hash`:

    $argon2id$…                      argon2id of the password
    $wrapped$bcrypt$<salt>$argon2id$…   argon2id of the old bcrypt hash, which `<salt>` makes again
    $wrapped$sha256$argon2id$…       argon2id of the old SHA-256 in hexadecimal, with or without the old salt
"""

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import BoundedSemaphore, get_native_id
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signalcraft.accounts.password_rules import normalised
from signalcraft.errors import UnavailableError
from signalcraft.settings import get_settings

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id, 19 MiB, t=2, p=1: OWASP's minimum; 17 ms a verify on the reference machine."""

HASHES_WAITING = 12
"""How many may wait for their turn in one process: a fraction of a second at 17 ms each. Whoever comes then
is told to come again, and holds no thread of the other requests meanwhile."""

_AT_ONCE = os.cpu_count() or 1
_NICENESS = 10
"""Of the threads that hash. The kernel gives them a tenth of a core that others want: a flood of sign-ins
uses what is idle, and an upload or a stream hardly feels it."""

_ADMITTED = BoundedSemaphore(_AT_ONCE + HASHES_WAITING)


def _step_back() -> None:
    thread = get_native_id()  # on Linux the priority is of this thread alone
    # A process that was started as nice as that already may not be made less so.
    os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


_HASHERS = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="hash", initializer=_step_back)
"""Its threads start with the first hash, after the fork of whoever forks."""

_Result = TypeVar("_Result")

GENERATED_PASSWORD_BYTES = 15
"""120 bits, 20 characters: beyond guessing, still typed once without cursing."""

NO_PASSWORD = "$none$"  # noqa: S105  # no password at all
"""Stands where nobody may sign in by password until an operator gives a new one."""

SHARED_PASSWORD = "kakao_user"  # noqa: S105  # it stands in the old source
"""What the old server stored for everybody who came by way of Kakao; it opens nothing."""
_WRAPPED = "$wrapped$"
_BCRYPT = re.compile(r"^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}$")
_BCRYPT_SALT = re.compile(r"^\$2[aby]\$\d\d\$[./A-Za-z0-9]{22}")
_BCRYPT_COST_LIMIT = 14
"""A hash that claims more would keep a process busy for seconds at each guess."""
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


@contextmanager
def _hashing() -> Iterator[None]:
    """Be one of the few that hash or wait for their turn.

    Raises
    ------
    UnavailableError
        So many wait already that one more would only wait in vain.
    """
    if not _ADMITTED.acquire(blocking=False):
        raise UnavailableError(
            "Many people are signing in just now: please try again in a moment."
            " 지금 로그인이 많습니다. 잠시 후 다시 시도해 주세요.",
            retry_after_seconds=1,
        )
    try:
        yield
    finally:
        _ADMITTED.release()


def _in_turn(work: Callable[[str], _Result], text: str) -> _Result:
    return _HASHERS.submit(work, text).result()


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and salt.

    Raises
    ------
    UnavailableError
        Too many are being hashed; so do `verify_password` and `wrap_old_hash`.
    """
    with _hashing():
        return _in_turn(_HASHER.hash, normalised(password))


_NOBODY = _HASHER.hash(secrets.token_urlsafe(GENERATED_PASSWORD_BYTES))
"""Verified where the user does not exist, so that both answers take the same time."""


def wrap_old_hash(old: str) -> str | None:
    """The old server's bcrypt or SHA-256 hash inside argon2id; None where it is neither."""
    with _hashing():
        if (found := _BCRYPT.match(old)) and int(found[2]) <= _BCRYPT_COST_LIMIT:
            return f"{_WRAPPED}bcrypt{found[1]}{_in_turn(_HASHER.hash, old)}"
        if _SHA256.match(old.lower()):
            return f"{_WRAPPED}sha256{_in_turn(_HASHER.hash, old.lower())}"
    return None


def is_wrapped(password_hash: str) -> bool:
    """Whether this is still the old server's hash, to be replaced at the next sign-in."""
    return password_hash.startswith(_WRAPPED)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; takes as long for an unknown user (None) or no password."""
    known = password_hash is not None and password_hash != NO_PASSWORD
    with _hashing():
        inner, candidates = _unwrapped(password_hash if known and password_hash else _NOBODY, password)
        matches = any(_matches(inner, candidate) for candidate in candidates)
    return matches and known


def _unwrapped(password_hash: str, password: str) -> tuple[str, Iterator[str]]:
    """The argon2id hash and what may be inside it, given this password."""
    if not is_wrapped(password_hash):
        return password_hash, iter([normalised(password)])
    scheme, _, inner = password_hash.removeprefix(_WRAPPED).rpartition("$argon2id$")
    if scheme == "sha256":
        return f"$argon2id${inner}", _old_sha256(password)
    return f"$argon2id${inner}", _old_bcrypt(scheme.removeprefix("bcrypt"), password)


def _old_sha256(password: str) -> Iterator[str]:
    """Two of the old user stores hashed without a salt and with one that all people shared."""
    if password == SHARED_PASSWORD:
        return
    yield hashlib.sha256(password.encode()).hexdigest()
    salt = get_settings().old_password_salt
    if salt is not None:
        yield hashlib.sha256((password + salt.get_secret_value()).encode()).hexdigest()


def _old_bcrypt(salt: str, password: str) -> Iterator[str]:
    if _BCRYPT_SALT.fullmatch(salt):
        # bcrypt reads 72 bytes; the old library cut the rest off silently, this one would refuse.
        yield bcrypt.hashpw(password.encode()[:72], salt.encode()).decode()


def _matches(inner: str, candidate: str) -> bool:
    try:
        return _in_turn(partial(_HASHER.verify, inner), candidate)
    except (VerificationError, InvalidHashError):
        return False


def generate_password() -> str:
    return secrets.token_urlsafe(GENERATED_PASSWORD_BYTES)
