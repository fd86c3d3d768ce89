"""Password hashing: argon2id at OWASP's settings, a bounded number at once."""

import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id, 19 MiB, t=2, p=1: OWASP's minimum; 17 ms a verify on the reference machine."""

_SLOTS = BoundedSemaphore(2)
"""Hashes computed at once in one process, so that a flood of sign-ins cannot starve the rest."""

GENERATED_PASSWORD_BYTES = 15
"""120 bits, 20 characters: beyond guessing, still typed once without cursing."""


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and salt."""
    with _SLOTS:
        return _HASHER.hash(password)


_NOBODY = hash_password(secrets.token_urlsafe(GENERATED_PASSWORD_BYTES))
"""Verified where the user does not exist, so that both answers take the same time."""


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; takes as long for an unknown user (None)."""
    with _SLOTS:
        try:
            matches = _HASHER.verify(password_hash or _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
    return matches and password_hash is not None


def generate_password() -> str:
    return secrets.token_urlsafe(GENERATED_PASSWORD_BYTES)
