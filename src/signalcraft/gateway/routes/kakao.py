"""Sign-in with Kakao, and linking one's Kakao account."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from signalcraft.accounts import identities, openid, sign_in
from signalcraft.accounts.errors import ProviderAnswerError
from signalcraft.accounts.schemas import Done, KakaoAccount, LoginUrl, PasswordIn
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway import session_cookies
from signalcraft.gateway.access import PUBLIC, SESSION_ROUTES, SignedIn
from signalcraft.gateway.routes import auth
from signalcraft.gateway.routes.sessions import prove_again
from signalcraft.settings import get_settings

router = APIRouter(prefix="/api/kakao", tags=["Kakao"])
router.add_api_route("/logout", auth.logout, methods=["POST"], dependencies=[SESSION_ROUTES])

_COOKIE_PATH = "/api/kakao"
Token = Annotated[str | None, Query(min_length=1, max_length=2048)]


@router.get("/login", dependencies=[PUBLIC], responses={404: {"description": "Kakao is not set up."}})
def login(response: Response) -> LoginUrl:
    """Where to send the browser to sign in; what must come back is kept in a cookie."""
    address, sealed = openid.begin(_callback())
    _keep(response, sealed)
    return LoginUrl(login_url=address)


@router.get(
    "/callback",
    dependencies=[PUBLIC],
    status_code=302,
    response_class=RedirectResponse,
    responses={401: {"description": "It was not begun in this browser."}},
)
def callback(
    request: Request, code: Token = None, state: Token = None, error: Token = None
) -> RedirectResponse:
    """Where Kakao sends the browser back to: opens the session, or links the account that asked for it."""
    if error is not None:
        return _gone_back("/sign-in?kakao=cancelled")
    sealed = request.cookies.get(_cookie())
    if not sealed or not code or not state:
        raise ProviderAnswerError
    attempt = openid.unseal(sealed, state)
    identity = openid.finish(attempt, code, _callback())
    if attempt.linking_session is None:
        return _enter(request, identity)
    with unit_of_work() as session:
        identities.link(session, attempt, identity, now=utc_now())
    return _gone_back("/?kakao=linked")


@router.post("/link")
def link(principal: SignedIn, body: PasswordIn, response: Response) -> LoginUrl:
    """Where to send the browser to link one's Kakao account; needs the password."""
    prove_again(principal, body.password)
    address, sealed = openid.begin(_callback(), user_id=principal.user_id, session_id=principal.session_id)
    _keep(response, sealed)
    return LoginUrl(login_url=address)


@router.post("/unlink")
def unlink(principal: SignedIn) -> Done:
    """Sign in with Kakao no longer."""
    with unit_of_work() as session:
        identities.unlink(session, principal.user_id, get_settings().kakao_issuer)
    return Done(message="카카오 계정 연결을 해제했습니다")


@router.get("/user")
def user(principal: SignedIn) -> KakaoAccount:
    """Whether one's Kakao account is linked, and whether it can be."""
    settings = get_settings()
    with unit_of_work() as session:
        found = identities.linked(session, principal.user_id, settings.kakao_issuer)
    return KakaoAccount(
        available=bool(settings.kakao_client_id),
        linked=found is not None,
        linked_at=found.linked_at if found else None,
    )


def _enter(request: Request, identity: openid.Identity) -> RedirectResponse:
    """Open the session of whoever has linked this identity, or ask for their second factor."""
    now = utc_now()
    with unit_of_work() as session:
        user_id = identities.user_of(session, identity, now=now)
        if user_id is None:
            return _gone_back("/sign-in?kakao=unlinked")
        place = session_cookies.place_of(request)
        entered = sign_in.enter_without_password(session, user_id, place, now=now)
    if isinstance(entered, sign_in.SecondFactorNeeded):
        response = _gone_back("/sign-in?second_factor=1")
        session_cookies.set_ticket(response, entered.ticket)
        return response
    response = _gone_back("/")
    session_cookies.set_session(response, entered)
    return response


def _gone_back(address: str) -> RedirectResponse:
    """To one of our own pages; the attempt is over."""
    response = RedirectResponse(address, status_code=302)
    session_cookies.delete_cookie(response, _cookie(), _COOKIE_PATH)
    return response


def _keep(response: Response, sealed: str) -> None:
    session_cookies.set_cookie(response, _cookie(), sealed, _COOKIE_PATH, openid.ATTEMPT_SECONDS)


def _cookie() -> str:
    return "__Secure-sc_kakao" if get_settings().cookie_secure else "sc_kakao"


def _callback() -> str:
    """Where Kakao sends browsers back to: our public address, whatever a request calls us."""
    return f"{get_settings().public_origin}{_COOKIE_PATH}/callback"
