"""Which token a request carries: the same rule at both doors."""

from signalcraft.errors import ForbiddenError, UnauthenticatedError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-Requested-With"


def token_of(*, authorization: str | None, cookie: str | None, method: str, csrf_header: str | None) -> str:
    """The access token: from the Authorization header, else from the cookie.

    A browser sends the cookie along with requests that other sites provoke, so a change needs a header as
    well that only our own pages can set.

    Raises
    ------
    UnauthenticatedError
        Neither is there.
    ForbiddenError
        A change with the cookie but without the header.
    """
    scheme, _, bearer = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    if not cookie:
        raise UnauthenticatedError("Sign in first. 먼저 로그인해 주세요.")
    require_same_site(method=method, csrf_header=csrf_header)
    return cookie


def require_same_site(*, method: str, csrf_header: str | None) -> None:
    """Refuse a change that another site may have provoked.

    Raises
    ------
    ForbiddenError
        The header is missing.
    """
    if method not in SAFE_METHODS and not csrf_header:
        raise ForbiddenError(f"A change needs the header {CSRF_HEADER}.", field=CSRF_HEADER)
