"""Headers that tell a browser what it must not do with an answer: the same for both tiers and the proxy."""

from collections.abc import Mapping

HSTS_SECONDS = 63_072_000
"""Two years, what browsers' preload lists ask for."""

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Of pages: everything from ourselves, nothing inline; pictures and sound also as the page made them."""

DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""Of documents, sound and pictures: opened as a page by themselves they load and run nothing."""

NO_STORE = "no-store"
"""Cache-Control of every JSON document: it is one person's and of this moment."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}


def security_headers(*, page: bool, tls: bool) -> Mapping[str, str]:
    """The headers of an answer.

    Parameters
    ----------
    page : whether it is a page or belongs to one; else it is data.
    tls : whether TLS ends in front of us. HSTS on plain HTTP would be ignored, and a lie.
    """
    headers = {"Content-Security-Policy": PAGE_POLICY if page else DATA_POLICY, **_ALWAYS}
    if tls:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}; includeSubDomains"
    return headers
