"""Accounts that people make, recover and move to another address themselves; each by way of a mail."""

from fastapi import APIRouter

from signalcraft.accounts import registration, service, sign_in
from signalcraft.accounts.password_rules import require_acceptable
from signalcraft.accounts.passwords import hash_password
from signalcraft.accounts.registration_schemas import (
    ChangeEmailIn,
    Confirmed,
    ConfirmIn,
    ForgotPasswordIn,
    RegisterIn,
    Registration,
    ResetPasswordIn,
)
from signalcraft.accounts.schemas import Done, UserOut
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import SESSION_ROUTES, SignedIn
from signalcraft.ratelimits.policy import limited
from signalcraft.ratelimits.service import require
from signalcraft.ratelimits.sign_in import attempt

router = APIRouter(prefix="/api/auth", tags=["Registration"])

_LOOK = (
    "If this is possible, a mail is on its way: open the link in it."
    " 가능한 경우 메일을 보냈습니다. 메일의 링크를 열어 주세요."
)


@router.post("/register", status_code=202, dependencies=[SESSION_ROUTES])
@limited("registration")
def register(body: RegisterIn) -> Done:
    """Ask for an account. The answer is the same whether or not the name or the address has one."""
    require_acceptable(body.password, field="password", context=(body.username, body.email))
    require("mail", f"mail:{body.email.lower()}")
    wanted = Registration.of(body, hash_password(body.password), utc_now())
    with unit_of_work() as session:
        registration.ask(
            session,
            "register",
            email=body.email,
            language=body.language,
            body=wanted.model_dump(mode="json"),
        )
    return Done(message=_LOOK)


@router.post("/confirm-email", dependencies=[SESSION_ROUTES])
@limited("registration")
def confirm_email(body: ConfirmIn) -> Confirmed:
    """Open the link of a registration, or of a change of address."""
    with unit_of_work() as session:
        user = registration.confirm(session, body.token, username=body.username)
    return Confirmed(
        message="The address is confirmed. 이메일이 확인되었습니다.", user=UserOut.model_validate(user)
    )


@router.post("/forgot-password", status_code=202, dependencies=[SESSION_ROUTES])
@limited("reset")
def forgot_password(body: ForgotPasswordIn) -> Done:
    """Ask for a link to choose a new password with. The answer is the same for every address."""
    require("mail", f"mail:{body.email.lower()}")
    with unit_of_work() as session:
        registration.ask(session, "reset_password", email=body.email, language=body.language)
    return Done(message=_LOOK)


@router.post("/reset-password", dependencies=[SESSION_ROUTES])
@limited("reset")
def reset_password(body: ResetPasswordIn) -> Done:
    """Choose the new password with the link of the mail; every session ends."""
    require_acceptable(body.password, field="password")
    password_hash = hash_password(body.password)
    with unit_of_work() as session:
        registration.choose_password(session, body.token, password_hash)
    return Done(message="The password is changed: sign in with it. 비밀번호를 변경했습니다. 로그인해 주세요.")


@router.post("/change-email", status_code=202)
@limited("reset")
def change_email(principal: SignedIn, body: ChangeEmailIn) -> Done:
    """Ask for another address, with the password; it counts once the link in the mail to it was opened."""
    require("mail", f"mail:{body.email.lower()}")
    with unit_of_work() as session:
        user = service.get_user(session, principal.user_id)
    with attempt(user.username, principal.quota_subject):
        sign_in.check_password(sign_in.account(user), body.password)
    with unit_of_work() as session:
        registration.ask(session, "change_email", email=body.email, language=user.language, user_id=user.id)
    return Done(message=_LOOK)
