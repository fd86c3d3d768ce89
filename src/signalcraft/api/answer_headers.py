"""Headers that every answer of this tier carries, and the answers to browsers that ask before they call."""

from flask import Flask, Response, request

from signalcraft import cross_origin
from signalcraft.security_headers import NO_STORE, security_headers
from signalcraft.settings import Settings


def init_answer_headers(app: Flask, settings: Settings) -> None:
    """Security headers on all answers, and those that let pages of the trusted origins call (CORS)."""
    secure = security_headers(page=False, tls=settings.cookie_secure)

    def preflight() -> Response | None:
        """Answer a preflight itself: it carries no credentials, so no access rule could let it pass."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response(status=204 if _is_trusted(settings) else 403)

    def dress(response: Response) -> Response:
        for name, value in secure.items():
            response.headers.setdefault(name, value)
        if response.is_json:
            response.headers.setdefault("Cache-Control", NO_STORE)
        if _is_trusted(settings):
            response.headers.update(_cross_origin())
        if settings.trusted_origins:
            response.vary.add("Origin")
        return response

    app.before_request(preflight)
    app.after_request(dress)


def _is_trusted(settings: Settings) -> bool:
    return request.headers.get("Origin") in settings.trusted_origins


def _cross_origin() -> dict[str, str]:
    headers = {
        "Access-Control-Allow-Origin": request.headers["Origin"],
        "Access-Control-Allow-Credentials": "true",
    }
    if request.method == "OPTIONS":
        return headers | {
            "Access-Control-Allow-Methods": ", ".join(cross_origin.METHODS),
            "Access-Control-Allow-Headers": ", ".join(cross_origin.REQUEST_HEADERS),
            "Access-Control-Max-Age": str(cross_origin.PREFLIGHT_SECONDS),
        }
    return headers | {"Access-Control-Expose-Headers": ", ".join(cross_origin.ANSWER_HEADERS)}
