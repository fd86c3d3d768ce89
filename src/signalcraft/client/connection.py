"""One HTTP connection to a SignalCraft server: sends with patience, turns refusals into exceptions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from signalcraft.client.errors import UnreachableError, problem_of
from signalcraft.client.patience import Patience

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
REQUESTED_WITH = {"X-Requested-With": "signalcraft.client"}
"""The server asks callers that change something for a header that no foreign web page can set."""

Answer = TypeVar("Answer", bound=BaseModel)


class Connection:
    """What both clients, people's and nodes', are built on. Safe to share among threads."""

    def __init__(
        self, url: str, *, auth: httpx.Auth | None, patience: Patience, transport: httpx.BaseTransport | None
    ) -> None:
        self.http = httpx.Client(
            base_url=url, timeout=TIMEOUT, transport=transport, auth=auth, headers=REQUESTED_WITH
        )
        self._patience = patience

    def close(self) -> None:
        self.http.close()

    def request(
        self,
        method: str,
        path: str,
        answer: type[Answer],
        *,
        repeatable: bool = True,
        patience: Patience | None = None,
        **request: Any,
    ) -> Answer:
        """Send, and read the answer as that model.

        Raises
        ------
        ProblemError
            The server refused.
        UnreachableError
            No answer came, or it was not this server's.
        """
        response = (patience or self._patience).send(
            lambda: self.http.request(method, path, **request), repeatable=repeatable
        )
        if not response.is_success:
            raise problem_of(response)
        try:
            document = response.json()
            # Old servers reported failures inside 200; ours does not, but the URL may be anybody's.
            if isinstance(document, Mapping) and document.get("success") is True:
                return answer.model_validate(document)
        except (ValueError, ValidationError):
            pass
        raise UnreachableError(f"the answer of {self.http.base_url} is not SignalCraft's: is the URL right?")

    def download(self, path: str, file: Path, **request: Any) -> None:
        """Write the answer to a GET to a file, which appears when all of it is there; raises as `request`."""
        part = file.with_name(f"{file.name}.part")

        def attempt() -> httpx.Response:
            with self.http.stream("GET", path, **request) as response:
                if not response.is_success:
                    response.read()
                    return response
                with part.open("wb") as out:
                    for piece in response.iter_bytes():
                        out.write(piece)
                return response

        try:
            response = self._patience.send(attempt, repeatable=True)
            if not response.is_success:
                raise problem_of(response)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def stream(self, path: str, **request: Any) -> Iterator[httpx.Response]:
        """The answer to a GET while it comes, once; a refusal is raised."""
        with self.http.stream("GET", path, **request) as response:
            if not response.is_success:
                response.read()
                raise problem_of(response)
            yield response
