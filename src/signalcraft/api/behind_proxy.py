"""The client's address and scheme as our own proxy tells them; from anybody else they are not believed."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from signalcraft.client_address import PROXY, client_address


class BehindOurProxy:
    """Put what X-Forwarded-For and X-Forwarded-Proto say where Flask looks, if the proxy says it."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR")
        if peer == PROXY and environ.get("HTTP_X_FORWARDED_PROTO") in ("http", "https"):
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]
        environ["REMOTE_ADDR"] = client_address(peer, environ.get("HTTP_X_FORWARDED_FOR")) or ""
        return self._app(environ, start_response)
