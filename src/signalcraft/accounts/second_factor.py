"""The second factor: six digits of an authenticator app (TOTP, RFC 6238), or a recovery code.

A code counts once: its 30 second step must be later than that of the last one. Wrong codes are counted for
each person, over all their attempts to sign in.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from uuid import UUID

import pyotp
import segno
from sqlalchemy.orm import Session

from signalcraft.accounts import second_factor_queries as queries
from signalcraft.accounts.encryption import decrypt, encrypt
from signalcraft.accounts.errors import TooManyAttemptsError
from signalcraft.accounts.models import RecoveryCode, SecondFactor, User
from signalcraft.accounts.roles import ADMINISTRATORS
from signalcraft.audit.service import record
from signalcraft.errors import ConflictError, ForbiddenError
from signalcraft.runtime_settings.service import load

ISSUER = "SignalCraft"
STEP_SECONDS = 30
FAILURES_ALLOWED = 10
FAILURES_KEPT = timedelta(hours=1)
"""Ten guesses an hour at three valid codes in a million: one in thirty thousand."""
RECOVERY_CODES = 10

_RECOVERY_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""No letters that are taken for each other on paper."""
_RECOVERY_LETTERS = 24
"""118 bits."""


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs, as text and as a picture to point a camera at."""

    secret: str
    uri: str
    qr_svg: str


def is_enrolled(session: Session, user_id: int) -> bool:
    """Whether the person has a confirmed second factor."""
    return queries.is_confirmed(session, user_id)


def is_required(session: Session, role: str) -> bool:
    """Whether somebody of this role must have one, by the setting."""
    return role in ADMINISTRATORS and load(session).second_factor_required_for_administrators


def recovery_codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes still open."""
    return queries.recovery_codes_left(session, user_id)


def enrol(session: Session, user: User) -> Enrolment:
    """Begin to add an authenticator app; it counts once a code of it was shown (`confirm`).

    Raises
    ------
    ConflictError
        There is one already.
    """
    factor = queries.lock_factor(session, user.id)
    if factor is not None and factor.confirmed_at is not None:
        raise ConflictError(
            "There is a second factor already; remove it first."
            " 이미 2단계 인증을 사용하고 있습니다. 먼저 해제해 주세요."
        )
    secret = pyotp.random_base32()
    if factor is None:
        factor = SecondFactor(user_id=user.id)
        session.add(factor)
    factor.secret = encrypt(_purpose(user.id), secret)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER)
    picture = BytesIO()
    segno.make(uri, error="m").save(picture, kind="svg", scale=4, xmldecl=False, svgns=True)
    return Enrolment(secret, uri, picture.getvalue().decode())


def confirm(
    session: Session, user_id: int, code: str, *, session_id: UUID | None, now: datetime
) -> list[str] | None:
    """Let the authenticator app count from now on; returns the recovery codes, to be shown once.

    The present session counts as signed in with it. None where the code is wrong.

    Raises
    ------
    ConflictError
        There is nothing to confirm.
    TooManyAttemptsError
        Too many wrong codes.
    """
    factor = queries.lock_factor(session, user_id)
    if factor is None or factor.confirmed_at is not None:
        raise ConflictError("There is no second factor to be confirmed. 확인할 2단계 인증이 없습니다.")
    if not _accept_step(factor, code, now):
        return None
    factor.confirmed_at = now
    if session_id is not None:
        queries.note_second_factor(session, session_id, now)
    record(session, "second_factor.added", user_id=user_id, subject=f"user:{user_id}")
    return _new_recovery_codes(session, user_id)


def accept(session: Session, user_id: int, code: str, *, now: datetime) -> bool:
    """Whether the code is right: of the app, or a recovery code, which is used up by it.

    Raises
    ------
    TooManyAttemptsError
        Too many wrong codes of the app. A recovery code cannot be guessed and is still taken.
    """
    factor = queries.lock_factor(session, user_id)
    if factor is None or factor.confirmed_at is None:
        return False
    if len(code) > len("000 000"):
        used = queries.use_recovery_code(session, user_id, _recovery_hash(code), now)
        if used:
            record(session, "second_factor.recovery_code_used", user_id=user_id, subject=f"user:{user_id}")
        return used
    return _accept_step(factor, code, now)


def disable(session: Session, user_id: int, *, required: bool) -> None:
    """Remove one's own second factor and its recovery codes.

    Raises
    ------
    ForbiddenError
        This person must have one.
    """
    if required:
        raise ForbiddenError(
            "An administrator must have a second factor here. 관리자는 2단계 인증을 사용해야 합니다."
        )
    remove(session, user_id, by=user_id)


def remove(session: Session, user_id: int, *, by: int) -> None:
    """Remove a person's second factor and recovery codes; the caller has checked the right to."""
    if queries.delete_factor(session, user_id):
        record(session, "second_factor.removed", user_id=by, subject=f"user:{user_id}")


def renew_recovery_codes(session: Session, user_id: int) -> list[str]:
    """New recovery codes in place of the old ones, to be shown once.

    Raises
    ------
    ConflictError
        There is no second factor.
    """
    if not is_enrolled(session, user_id):
        raise ConflictError("There is no second factor. 2단계 인증을 사용하고 있지 않습니다.")
    record(session, "second_factor.recovery_codes_made", user_id=user_id, subject=f"user:{user_id}")
    return _new_recovery_codes(session, user_id)


def _accept_step(factor: SecondFactor, code: str, now: datetime) -> bool:
    """Whether the app shows this code now, or did a step ago, or will a step ahead; counts failures."""
    if factor.failing_since is None or now - factor.failing_since > FAILURES_KEPT:
        factor.failures, factor.failing_since = 0, None
    elif factor.failures >= FAILURES_ALLOWED:
        raise TooManyAttemptsError(factor.failing_since + FAILURES_KEPT - now)
    digits = code.replace(" ", "")
    totp = pyotp.TOTP(decrypt(_purpose(factor.user_id), factor.secret))
    present = int(now.timestamp()) // STEP_SECONDS
    for step in (present - 1, present, present + 1):
        is_new = factor.last_step is None or step > factor.last_step
        if is_new and hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode()):
            factor.last_step, factor.failures, factor.failing_since = step, 0, None
            return True
    factor.failures, factor.failing_since = factor.failures + 1, factor.failing_since or now
    return False


def _new_recovery_codes(session: Session, user_id: int) -> list[str]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    queries.replace_recovery_codes(
        session, user_id, [RecoveryCode(user_id=user_id, code_hash=_recovery_hash(code)) for code in codes]
    )
    return codes


def _recovery_code() -> str:
    letters = [secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_LETTERS)]
    return "-".join("".join(letters[start : start + 6]) for start in range(0, _RECOVERY_LETTERS, 6))


def _recovery_hash(code: str) -> bytes:
    """What is stored of a recovery code; nobody guesses 24 random letters, so a fast hash is enough."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode()).digest()


def _purpose(user_id: int) -> str:
    return f"second_factor:{user_id}"
