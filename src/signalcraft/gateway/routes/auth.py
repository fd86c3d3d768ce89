"""Sign-in and sessions."""

from fastapi import APIRouter, Request, Response

from signalcraft.accounts import service, tokens
from signalcraft.accounts.errors import SessionEndedError
from signalcraft.accounts.schemas import (
    BEARER,
    Done,
    LoginIn,
    ProfileAnswer,
    ProfileOut,
    RefreshedOut,
    RefreshIn,
    SessionOut,
    UserOut,
    VerifiedUser,
    VerifyOut,
)
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import SESSION_ROUTES, SignedIn
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)
router = APIRouter(prefix="/api/auth", tags=["Sign-in"])


@router.post("/login", dependencies=[SESSION_ROUTES])
def login(body: LoginIn, response: Response) -> SessionOut:
    """Open a session: cookies for a browser, or tokens in the answer with `delivery: "body"`."""
    with unit_of_work() as session:
        signed_in = service.sign_in(session, login=body.username, password=body.password)
    log.info("signed_in", user_id=signed_in.user.id)
    answer = SessionOut(
        user=UserOut.model_validate(signed_in.user), expires_in=get_settings().access_token_seconds
    )
    if body.delivery == "body":
        answer.token_type = BEARER
        answer.access_token, answer.refresh_token = signed_in.access_token, signed_in.refresh_token
    else:
        _set_cookies(response, signed_in)
    return answer


@router.post("/refresh", dependencies=[SESSION_ROUTES])
def refresh(request: Request, response: Response, body: RefreshIn | None = None) -> RefreshedOut:
    """Exchange the refresh token for the next pair; each is good for one use."""
    given = body.refresh_token if body else None
    token = given or request.cookies.get(tokens.REFRESH_COOKIE)
    if not token:
        raise SessionEndedError
    with unit_of_work() as session:
        signed_in = service.refresh(session, token)
    if signed_in is None:
        raise SessionEndedError
    answer = RefreshedOut(expires_in=get_settings().access_token_seconds)
    if given:
        answer.token_type = BEARER
        answer.access_token, answer.refresh_token = signed_in.access_token, signed_in.refresh_token
    else:
        _set_cookies(response, signed_in)
    return answer


@router.post("/logout", dependencies=[SESSION_ROUTES])
def logout(request: Request, response: Response, body: RefreshIn | None = None) -> Done:
    """End the session; harmless without one."""
    token = (body.refresh_token if body else None) or request.cookies.get(tokens.REFRESH_COOKIE)
    with unit_of_work() as session:
        service.sign_out(session, token)
    response.delete_cookie(tokens.ACCESS_COOKIE, path="/")
    response.delete_cookie(tokens.REFRESH_COOKIE, path=tokens.REFRESH_PATH)
    return Done(message="로그아웃되었습니다")


@router.get("/verify")
def verify(principal: SignedIn) -> VerifyOut:
    """Whether the session is good."""
    return VerifyOut(
        user=VerifiedUser(id=principal.user_id, username=principal.username, role=principal.role)
    )


@router.get("/profile")
def profile(principal: SignedIn) -> ProfileAnswer:
    """The signed-in person."""
    with unit_of_work() as session:
        user = service.get_user(session, principal.user_id)
    return ProfileAnswer(user=ProfileOut.model_validate(user))


def _set_cookies(response: Response, signed_in: service.SignedIn) -> None:
    settings = get_settings()
    for name, value, path, seconds in (
        (tokens.ACCESS_COOKIE, signed_in.access_token, "/", settings.access_token_seconds),
        (
            tokens.REFRESH_COOKIE,
            signed_in.refresh_token,
            tokens.REFRESH_PATH,
            settings.refresh_token_days * 86_400,
        ),
    ):
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            secure=settings.cookie_secure,
            httponly=True,
            samesite="lax",
        )
