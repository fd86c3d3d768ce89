"""Who asks: a person with a password, or a program with a token."""

import threading
from collections.abc import Generator

import httpx


class Token(httpx.Auth):
    """A token that does not change: an API token of a person, or the key of a device."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Session(httpx.Auth):
    """A person's session: signed in when first needed, renewed when the server says that it has ended.

    Threads that share it take turns at renewing: a refresh token is good for one use.

    Attributes
    ----------
    access_token : what requests are sent with now; None before the first.
    """

    def __init__(self, username: str, password: str) -> None:
        self._username, self._password = username, password
        self.access_token: str | None = None
        self._refresh_token: str | None = None
        self._renewing = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = self.access_token
        if used is not None:
            request.headers["Authorization"] = f"Bearer {used}"
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
        with self._renewing:
            if self.access_token == used:  # nobody else has renewed it meanwhile
                yield from self._renew(request)
        if self.access_token is not None:
            request.headers["Authorization"] = f"Bearer {self.access_token}"
            yield request

    def _renew(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Leaves no token, and the server's refusal as the answer, where neither way leads in."""
        self.access_token = None
        if self._refresh_token is not None:
            response = yield _post(request, "/api/auth/refresh", {"refresh_token": self._refresh_token})
            self._take(response)
        if self.access_token is None:
            credentials = {"username": self._username, "password": self._password, "delivery": "body"}
            response = yield _post(request, "/api/auth/login", credentials)
            self._take(response)

    def _take(self, response: httpx.Response) -> None:
        if response.is_success:
            response.read()
            document = response.json()
            self.access_token, self._refresh_token = document["access_token"], document["refresh_token"]
        else:
            self._refresh_token = None


def _post(request: httpx.Request, path: str, document: dict[str, str]) -> httpx.Request:
    headers = {"X-Requested-With": request.headers.get("X-Requested-With", "")}
    return httpx.Request(
        "POST", request.url.copy_with(raw_path=path.encode()), json=document, headers=headers
    )
