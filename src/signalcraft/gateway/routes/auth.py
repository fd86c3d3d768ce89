"""Sign-in, sign-out and who one is."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from signalcraft.accounts import known_browsers, second_factor, service, sessions, sign_in, tokens
from signalcraft.accounts.credentials import access_cookie, refresh_cookie
from signalcraft.accounts.errors import SessionEndedError, WrongCodeError, WrongCredentialsError
from signalcraft.accounts.schemas import (
    BEARER,
    Delivery,
    Done,
    LoginForm,
    LoginIn,
    ProfileAnswer,
    ProfileOut,
    RefreshedOut,
    RefreshIn,
    SecondFactorIn,
    SessionOut,
    TicketOut,
    UserOut,
    VerifiedUser,
    VerifyOut,
)
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import UnsupportedMediaError
from signalcraft.gateway import session_cookies
from signalcraft.gateway.access import SESSION_ROUTES, SignedIn
from signalcraft.logging import get_logger
from signalcraft.ratelimits.policy import limited
from signalcraft.ratelimits.sign_in import attempt
from signalcraft.settings import get_settings

log = get_logger(__name__)
router = APIRouter(prefix="/api/auth", tags=["Sign-in"])

_FORM = "application/x-www-form-urlencoded"
_LOGIN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": LoginIn.model_json_schema()},
            _FORM: {"schema": LoginForm.model_json_schema()},
        },
    }
}
_TICKET: dict[int | str, dict[str, Any]] = {
    202: {"model": TicketOut, "description": "The second factor is asked for next."}
}


async def login_body(request: Request) -> LoginIn:
    """The sign-in of a JSON body or of a form: two old clients share this address.

    Raises
    ------
    UnsupportedMediaError
        The body is something else.
    """
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if media_type == _FORM:
            return LoginForm.model_validate(dict(await request.form()))
        if media_type == "application/json":
            return LoginIn.model_validate(json.loads(await request.body()))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    except (ValueError, RecursionError):
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "no JSON"}]) from None
    raise UnsupportedMediaError("Sign in with JSON or a form.", field="Content-Type")


@router.post("/login", dependencies=[SESSION_ROUTES], responses=_TICKET, openapi_extra=_LOGIN_BODY)
@limited("sign_in")
def login(
    body: Annotated[LoginIn, Depends(login_body)], request: Request, response: Response
) -> SessionOut | TicketOut:
    """Open a session: cookies for a browser, or tokens in the answer with `delivery: "body"` or a form.

    Somebody with a second factor gets a ticket for `/api/auth/second-factor` instead (202).
    """
    place = session_cookies.place_of(request)
    try:
        with unit_of_work() as session:
            account = sign_in.account_of(session, body.username)
        cookie = request.cookies.get(known_browsers.COOKIE)
        source = known_browsers.source_of(cookie, account.user_id, place.address)
        with attempt(body.username, source):
            proven = sign_in.check_password(account, body.password)
        with unit_of_work() as session:
            entered = sign_in.enter(session, proven, place, now=utc_now())
    except WrongCredentialsError:
        with unit_of_work() as session:
            sign_in.note_failure(session, body.username, place)
        raise
    return answer(response, entered, body.delivery)


@router.post("/second-factor", dependencies=[SESSION_ROUTES])
@limited("sign_in")
def second_step(body: SecondFactorIn, request: Request, response: Response) -> SessionOut:
    """The second step of a sign-in: the ticket of the first, with a code of the app or a recovery code."""
    ticket = body.ticket or request.cookies.get(session_cookies.ticket_cookie()) or ""
    place, now = session_cookies.place_of(request), utc_now()
    with unit_of_work() as session:
        entered = sign_in.enter_with_second_factor(session, ticket, body.code, place, now=now)
        if entered is None:
            user_id = tokens.read_ticket(ticket, now).user_id
            sign_in.note_failure(session, f"user:{user_id}", place, step="second_factor")
    if entered is None:
        raise WrongCodeError
    session_cookies.clear_ticket(response)
    return _opened(response, entered, body.delivery)


@router.post("/refresh", dependencies=[SESSION_ROUTES])
def refresh(request: Request, response: Response, body: RefreshIn | None = None) -> RefreshedOut:
    """Exchange the refresh token for the next pair; each is good for one use."""
    given = body.refresh_token if body else None
    token = given or request.cookies.get(refresh_cookie())
    if not token:
        raise SessionEndedError
    with unit_of_work() as session:
        signed_in = sessions.refresh(session, token, session_cookies.place_of(request), now=utc_now())
    if signed_in is None:
        raise SessionEndedError
    answer = RefreshedOut(expires_in=get_settings().access_token_seconds)
    if given:
        answer.token_type = BEARER
        answer.access_token, answer.refresh_token = signed_in.access_token, signed_in.refresh_token
    else:
        session_cookies.set_session(response, signed_in)
    return answer


@router.post("/logout", dependencies=[SESSION_ROUTES])
def logout(request: Request, response: Response, body: RefreshIn | None = None) -> Done:
    """End the session; harmless without one."""
    refresh_token = (body.refresh_token if body else None) or request.cookies.get(refresh_cookie())
    access_token = request.cookies.get(access_cookie())
    with unit_of_work() as session:
        sessions.sign_out(session, refresh_token=refresh_token, access_token=access_token, now=utc_now())
    session_cookies.clear_session(response)
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


@router.get("/me")
def me(principal: SignedIn) -> UserOut:
    """The signed-in person, as the mobile app asks for them."""
    with unit_of_work() as session:
        return UserOut.model_validate(service.get_user(session, principal.user_id))


def answer(
    response: Response, entered: sessions.SignedIn | sign_in.SecondFactorNeeded, delivery: Delivery
) -> SessionOut | TicketOut:
    """What the first step of a sign-in answers: the session, or the ticket for the second step."""
    if isinstance(entered, sign_in.SecondFactorNeeded):
        response.status_code = 202
        return TicketOut(ticket=entered.ticket, expires_in=tokens.TICKET_SECONDS)
    return _opened(response, entered, delivery)


def _opened(response: Response, signed_in: sessions.SignedIn, delivery: Delivery) -> SessionOut:
    log.info("signed_in", user_id=signed_in.user.id)
    with unit_of_work() as session:
        is_required = second_factor.is_required(session, signed_in.user.role)
    opened = SessionOut(
        user=UserOut.model_validate(signed_in.user),
        expires_in=get_settings().access_token_seconds,
        enrolment_required=is_required and not signed_in.second_factor,
    )
    if delivery == "body":
        opened.token_type = BEARER
        opened.access_token, opened.refresh_token = signed_in.access_token, signed_in.refresh_token
    else:
        session_cookies.set_session(response, signed_in)
        session_cookies.set_known_browser(response, signed_in.user.id)
    return opened
