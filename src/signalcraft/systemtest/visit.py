"""One visitor of the system: sends over new connections, in a time that is bounded, and never tries twice."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import httpx

_REQUESTED_WITH = {"X-Requested-With": "signalcraft.systemtest"}
"""What our own pages send when they change something; another site's cannot."""
_COME_BACK_S = 0.5
"""Until a stream that has ended is opened again."""

Events = Iterator[tuple[int, dict[str, Any]]]
"""Events of a stream, each with its id."""


class JourneyError(Exception):
    """What a visitor met in the place of what they came for: a sentence for the operator."""


@dataclass(frozen=True)
class Credentials:
    """Who the visitors are: a person who may see one shop, and the node of its machine."""

    username: str
    password: str = field(repr=False)
    api_token: str = field(repr=False)
    """Of that person; it may read the shop and have sound analysed."""
    shop_id: int
    device_id: str
    device_key: str = field(repr=False)


class Visit:
    """A visit of at most `limit_s` seconds.

    Parameters
    ----------
    base_url : origin, such as `http://127.0.0.1:3000`; either public port answers every path.
    """

    def __init__(self, base_url: str, credentials: Credentials, limit_s: float) -> None:
        self.credentials = credentials
        self._limit_s = limit_s
        self._end = monotonic() + limit_s
        # No proxy of the environment, no retries: what a visitor meets is what counts.
        self._client = httpx.Client(base_url=base_url, trust_env=False, headers=_REQUESTED_WITH)

    def close(self) -> None:
        self._client.close()

    @property
    def as_program(self) -> dict[str, str]:
        """The header of the person's program."""
        return {"Authorization": f"Bearer {self.credentials.api_token}"}

    @property
    def as_node(self) -> dict[str, str]:
        """The header of the node."""
        return {"X-Device-Key": self.credentials.device_key}

    def left_s(self) -> float:
        """What is left of the visit, in seconds.

        Raises
        ------
        JourneyError
            Nothing.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise JourneyError(f"took longer than {self._limit_s:g} s")
        return left

    def send(self, method: str, path: str, *, expect: int = 200, **request: Any) -> httpx.Response:
        """The answer to one request.

        Raises
        ------
        JourneyError
            Another status than the expected one, or none in time.
        """
        try:
            answer = self._client.request(method, path, timeout=self.left_s(), **request)
        except httpx.HTTPError as error:
            raise JourneyError(f"{method} {path}: no answer ({type(error).__name__})") from error
        if answer.status_code != expect:
            raise JourneyError(f"{method} {path} answers {answer.status_code}{_title(answer)}")
        return answer

    def document(self, method: str, path: str, *, expect: int = 200, **request: Any) -> dict[str, Any]:
        """The JSON object that is answered; raises as `send`."""
        answer = self.send(method, path, expect=expect, **request)
        try:
            document = answer.json()
        except ValueError as error:
            raise JourneyError(f"{method} {path} answers no JSON") from error
        if not isinstance(document, dict):
            raise JourneyError(f"{method} {path} answers no JSON object")
        return document

    @contextmanager
    def events(self, path: str, *, after: int | None = None) -> Iterator[Events]:
        """The events of a stream, which is resumed when it ends; raises as `send`.

        Parameters
        ----------
        after : the id of the last event that is known (`Last-Event-ID`).
        """
        events = self._resumed(path, after)
        try:
            yield events
        finally:
            events.close()

    def _resumed(self, path: str, after: int | None) -> Generator[tuple[int, dict[str, Any]], None, None]:
        """A stream may end at any time (its person has just signed out somewhere): browsers come back."""
        while True:
            headers = self.as_program | ({} if after is None else {"Last-Event-ID": str(after)})
            try:
                with self._client.stream("GET", path, headers=headers, timeout=self.left_s()) as answer:
                    if answer.status_code != httpx.codes.OK:
                        raise JourneyError(f"GET {path} answers {answer.status_code}")
                    for after, event in self._parsed(answer):
                        yield after, event
            except httpx.HTTPError as error:
                raise JourneyError(f"GET {path}: broke off ({type(error).__name__})") from error
            sleep(min(_COME_BACK_S, self.left_s()))

    def _parsed(self, answer: httpx.Response) -> Events:
        """Events that have an id and data (WHATWG HTML, 9.2); ours write each datum on one line."""
        event_id = 0
        for line in answer.iter_lines():
            self.left_s()
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = int(value)
            elif name == "data" and event_id:
                yield event_id, json.loads(value)


def _title(answer: httpx.Response) -> str:
    """What a problem document (RFC 9457) says, if it is one."""
    try:
        document = answer.json()
    except ValueError:
        return ""
    return f" ({document['title']})" if isinstance(document, dict) and "title" in document else ""
