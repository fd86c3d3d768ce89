"""One's own sessions, password and second factor."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from signalcraft.accounts import second_factor, service, sessions, sign_in
from signalcraft.accounts.errors import WrongCodeError
from signalcraft.accounts.password_rules import require_acceptable
from signalcraft.accounts.passwords import hash_password
from signalcraft.accounts.places import device_name
from signalcraft.accounts.schemas import (
    ChangePasswordIn,
    CodeIn,
    Done,
    EnrolmentOut,
    JsonWebKeySet,
    LogoutEverywhereIn,
    PasswordIn,
    RecoveryCodesOut,
    SecondFactorState,
    SessionItem,
    SessionList,
    SessionsEnded,
)
from signalcraft.accounts.signing_keys import key_ring
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway import session_cookies
from signalcraft.gateway.access import PUBLIC, SignedIn
from signalcraft.ratelimits.sign_in import attempt

router = APIRouter(prefix="/api/auth", tags=["Account"])
well_known = APIRouter(prefix="/.well-known", tags=["Account"], dependencies=[PUBLIC])

_JWKS_SECONDS = 300
"""How long others may keep our public keys; a token with a key they do not know makes them ask again."""


@router.get("/sessions")
def list_sessions(principal: SignedIn) -> SessionList:
    """Where one is signed in, with the place of last use."""
    with unit_of_work() as session:
        found = sessions.list_sessions(session, principal.user_id)
    return SessionList(
        sessions=[
            SessionItem(
                id=item.id,
                device=device_name(item.user_agent),
                address=item.address,
                created_at=item.created_at,
                last_used_at=item.last_used_at,
                second_factor=item.second_factor_at is not None,
                current=item.id == principal.session_id,
            )
            for item in found
        ]
    )


@router.delete("/sessions/{session_id}")
def end_session(principal: SignedIn, session_id: Annotated[UUID, Path()]) -> Done:
    """Sign one place out; it counts at its next request."""
    with unit_of_work() as session:
        sessions.end_session(
            session, session_id, user_id=principal.user_id, by=principal.user_id, now=utc_now()
        )
    return Done(message="해당 기기에서 로그아웃되었습니다")


@router.post("/logout-everywhere")
def logout_everywhere(
    principal: SignedIn, response: Response, body: LogoutEverywhereIn | None = None
) -> SessionsEnded:
    """Sign out at every place, this one too unless `keep_current` is set."""
    keep = principal.session_id if body and body.keep_current else None
    with unit_of_work() as session:
        ended = sessions.end_all_sessions(
            session,
            principal.user_id,
            by=principal.user_id,
            reason="signed_out_everywhere",
            now=utc_now(),
            keep=keep,
        )
    if keep is None:
        session_cookies.clear_session(response)
    return SessionsEnded(message="모든 기기에서 로그아웃되었습니다", ended=ended)


@router.post("/change-password")
def change_password(principal: SignedIn, body: ChangePasswordIn) -> Done:
    """A new password, with the present one; every other session of the person ends."""
    with unit_of_work() as session:
        user = service.get_user(session, principal.user_id)
    require_acceptable(body.new_password, field="new_password", context=(user.username, user.email))
    with attempt(user.username, principal.quota_subject):
        proven = sign_in.check_password(sign_in.account(user), body.current_password)
    password_hash = hash_password(body.new_password)
    with unit_of_work() as session:
        service.change_password(session, proven, password_hash, keep=principal.session_id, now=utc_now())
    return Done(message="비밀번호를 변경했습니다. 다른 기기에서는 다시 로그인해 주세요.")


@router.get("/second-factor")
def second_factor_state(principal: SignedIn) -> SecondFactorState:
    """Whether the person has a second factor, and must have one."""
    with unit_of_work() as session:
        user = service.get_user(session, principal.user_id)
        left = second_factor.recovery_codes_left(session, user.id)
        enrolled = second_factor.is_enrolled(session, user.id)
        required = second_factor.is_required(session, user.role)
    return SecondFactorState(
        enrolled=enrolled,
        required=required,
        used=principal.second_factor,
        recovery_codes_left=left,
    )


@router.post("/second-factor/enrol")
def enrol(principal: SignedIn, body: PasswordIn) -> EnrolmentOut:
    """Begin to add an authenticator app: its secret, and the QR code to point the phone at."""
    prove_again(principal, body.password)
    with unit_of_work() as session:
        enrolment = second_factor.enrol(session, service.get_user(session, principal.user_id))
    return EnrolmentOut(secret=enrolment.secret, uri=enrolment.uri, qr_svg=enrolment.qr_svg)


@router.post("/second-factor/confirm")
def confirm(principal: SignedIn, body: CodeIn) -> RecoveryCodesOut:
    """Show that the app works; it counts from now on. The recovery codes are shown this once."""
    with unit_of_work() as session:
        codes = second_factor.confirm(
            session, principal.user_id, body.code, session_id=principal.session_id, now=utc_now()
        )
    if codes is None:
        raise WrongCodeError
    return RecoveryCodesOut(message="2단계 인증을 켰습니다. 복구 코드를 보관해 주세요.", recovery_codes=codes)


@router.post("/second-factor/disable")
def disable(principal: SignedIn, body: PasswordIn) -> Done:
    """Do without a second factor."""
    prove_again(principal, body.password)
    with unit_of_work() as session:
        user = service.get_user(session, principal.user_id)
        required = second_factor.is_required(session, user.role)
        second_factor.disable(session, user.id, required=required)
    return Done(message="2단계 인증을 껐습니다")


@router.post("/second-factor/recovery-codes")
def recovery_codes(principal: SignedIn, body: PasswordIn) -> RecoveryCodesOut:
    """New recovery codes in place of the old ones, shown this once."""
    prove_again(principal, body.password)
    with unit_of_work() as session:
        codes = second_factor.renew_recovery_codes(session, principal.user_id)
    return RecoveryCodesOut(message="새 복구 코드를 만들었습니다. 보관해 주세요.", recovery_codes=codes)


@well_known.get("/jwks.json")
def jwks(response: Response) -> JsonWebKeySet:
    """The public keys that verify our access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = f"public, max-age={_JWKS_SECONDS}"
    return JsonWebKeySet.model_validate({"keys": [key.jwk() for key in key_ring().published(utc_now())]})


def prove_again(principal: SignedIn, password: str) -> None:
    """Ask for the password again: a session that somebody left open must not be enough."""
    with unit_of_work() as session:
        account = sign_in.account(service.get_user(session, principal.user_id))
    with attempt(principal.username, principal.quota_subject):
        sign_in.check_password(account, password)
