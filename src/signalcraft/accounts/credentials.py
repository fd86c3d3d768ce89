"""Which token a request carries, and whether another site may have provoked it: one rule for both doors."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from signalcraft.errors import ForbiddenError, UnauthenticatedError
from signalcraft.settings import get_settings

Header = Callable[[str], str | None]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-Requested-With"

REFRESH_PATH = "/api/auth"
"""The refresh cookie goes to the sign-in routes only, not along with every request."""


def access_cookie() -> str:
    """Name of the cookie with the access token.

    Where TLS is on, the browser itself sees to what `__Host-` says: set by this host, over TLS, for all.
    """
    return "__Host-sc_access" if get_settings().cookie_secure else "sc_access"


def refresh_cookie() -> str:
    """Name of the cookie with the refresh token; `__Host-` would not allow it a path of its own."""
    return "__Secure-sc_refresh" if get_settings().cookie_secure else "sc_refresh"


def token_of(*, header: Header, cookies: Mapping[str, str], method: str) -> str:
    """The access token: from the Authorization header, else from the cookie.

    Parameters
    ----------
    header : gives the value of a header, whatever the case of its name.

    Raises
    ------
    UnauthenticatedError
        Neither is there.
    ForbiddenError
        A change with the cookie that another site may have provoked.
    """
    scheme, _, bearer = (header("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    cookie = cookies.get(access_cookie())
    if not cookie:
        raise UnauthenticatedError("Sign in first. 먼저 로그인해 주세요.")
    require_same_site(header=header, method=method)
    return cookie


def require_same_site(*, header: Header, method: str) -> None:
    """Refuse a change that another site may have provoked: a browser sends our cookies along with it.

    It needs a header that a form cannot set, nor a script of another site before we have agreed (CORS).

    Raises
    ------
    ForbiddenError
        The header is missing, or the browser says that the request comes from elsewhere.
    """
    if method in SAFE_METHODS:
        return
    if not header(CSRF_HEADER):
        raise ForbiddenError(f"A change needs the header {CSRF_HEADER}.", field=CSRF_HEADER)
    require_own_page(header)


def require_own_page(header: Header) -> None:
    """Refuse what a browser says to come from a page that is neither ours nor of a trusted origin.

    Raises
    ------
    ForbiddenError
        It does.
    """
    origin = header("Origin")
    if origin is None:
        if header("Sec-Fetch-Site") not in {None, "same-origin", "none"}:
            raise ForbiddenError("A change must come from our own pages.", field="Sec-Fetch-Site")
    elif urlsplit(origin).netloc != header("Host") and origin not in get_settings().trusted_origins:
        raise ForbiddenError("A change must come from our own pages.", field="Origin")
