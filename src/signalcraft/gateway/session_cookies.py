"""What a browser keeps of a session, and what a request says of where it comes from."""

from fastapi import Request, Response

from signalcraft.accounts import known_browsers, tokens
from signalcraft.accounts.credentials import REFRESH_PATH, access_cookie, refresh_cookie
from signalcraft.accounts.places import Place
from signalcraft.accounts.sessions import SignedIn
from signalcraft.settings import get_settings


def place_of(request: Request) -> Place:
    """Where the request comes from."""
    address = request.client.host if request.client else ""
    return Place(address, request.headers.get("User-Agent", ""))


def set_session(response: Response, signed_in: SignedIn) -> None:
    """Give the browser both tokens; its scripts cannot read them."""
    settings = get_settings()
    set_cookie(response, access_cookie(), signed_in.access_token, "/", settings.access_token_seconds)
    seconds = settings.refresh_token_days * 86_400
    set_cookie(response, refresh_cookie(), signed_in.refresh_token, REFRESH_PATH, seconds)


def set_known_browser(response: Response, user_id: int) -> None:
    """Remember that this person has signed in from here; it stays when they sign out."""
    set_cookie(
        response,
        known_browsers.COOKIE,
        known_browsers.issue(user_id),
        REFRESH_PATH,
        known_browsers.LIFETIME_SECONDS,
    )


def clear_session(response: Response) -> None:
    """Take both back."""
    delete_cookie(response, access_cookie(), "/")
    delete_cookie(response, refresh_cookie(), REFRESH_PATH)


def ticket_cookie() -> str:
    """Name of the cookie that takes a ticket over the redirect from another provider."""
    return "__Secure-sc_ticket" if get_settings().cookie_secure else "sc_ticket"


def set_ticket(response: Response, ticket: str) -> None:
    set_cookie(response, ticket_cookie(), ticket, REFRESH_PATH, tokens.TICKET_SECONDS)


def clear_ticket(response: Response) -> None:
    delete_cookie(response, ticket_cookie(), REFRESH_PATH)


def set_cookie(response: Response, name: str, value: str, path: str, seconds: int) -> None:
    """A cookie that no script reads and no other site's form sends."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=get_settings().cookie_secure,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(response: Response, name: str, path: str) -> None:
    # A browser ignores the deletion of a `__Host-` cookie that is not Secure itself.
    response.delete_cookie(
        name, path=path, secure=get_settings().cookie_secure, httponly=True, samesite="lax"
    )
