"""What can go wrong when talking to a SignalCraft server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx


class ClientError(Exception):
    """Base of everything that this package raises."""


class UnreachableError(ClientError):
    """No answer came, or it was not SignalCraft's: is the address right?"""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one value: its name as it was sent, and a sentence."""

    field: str
    message: str


class ProblemError(ClientError):
    """The server refused, and said why (a problem document, RFC 9457).

    Attributes
    ----------
    status : HTTP status.
    title, detail : what kind of problem, and what is wrong this time.
    errors : the values that are wrong, where it is about values.
    request_id : what to look for in the server's logs.
    document : all that the server sent.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(document.get("title") or "Refused")
        self.detail = str(document.get("detail") or document.get("message") or self.title)
        self.errors: Sequence[FieldError] = [
            FieldError(str(error.get("field")), str(error.get("message")))
            for error in document.get("errors") or ()
            if isinstance(error, Mapping)
        ]
        self.request_id: str | None = document.get("request_id")
        self.document = document
        super().__init__(f"{status}: {self.detail}")


class NotSignedInError(ProblemError):
    """The session has ended or the token is not good (401)."""


class NotAllowedError(ProblemError):
    """This person may not do this (403)."""


class NotFoundError(ProblemError):
    """It does not exist, or is not this person's to see (404)."""


class BusyError(ProblemError):
    """The server was busy or restarting for longer than the client was ready to wait (429, 502, 503, 504)."""


class AnalysisFailedError(ClientError):
    """A recording could not be analysed; the message says why."""


_BY_STATUS = {401: NotSignedInError, 403: NotAllowedError, 404: NotFoundError} | dict.fromkeys(
    (429, 502, 503, 504), BusyError
)


def problem_of(response: httpx.Response) -> ProblemError:
    """The exception for an answer that is an error; its body has been read."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, Mapping):
        document = {"title": response.reason_phrase}
    return _BY_STATUS.get(response.status_code, ProblemError)(response.status_code, document)
