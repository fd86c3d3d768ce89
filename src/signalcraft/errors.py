"""Errors are named facts with an HTTP status; one renderer turns them into RFC 9457 problem documents."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

PROBLEM_MEDIA_TYPE = "application/problem+json"


class SignalCraftError(Exception):
    """Base of every expected error: a sentence for the caller and the status it is answered with.

    Parameters
    ----------
    detail : what is wrong and what to mend; nothing about the inside.
    field : the input that is wrong, as the caller wrote it (`X-Sample-Rate`, `vibration.x`).
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = "Something went wrong here"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.headers: dict[str, str] = {}

    @property
    def errors(self) -> Sequence[Mapping[str, str]]:
        """Per-field messages of the problem document."""
        return [{"field": self.field, "message": self.detail}] if self.field else []


class InvalidInputError(SignalCraftError):
    """The request is understood but a value in it is not acceptable."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "A value is not acceptable"

    def __init__(
        self, detail: str, *, field: str | None = None, errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(detail, field=field)
        self._errors = list(errors)

    @property
    def errors(self) -> Sequence[Mapping[str, str]]:
        return self._errors or super().errors


class MalformedRequestError(SignalCraftError):
    """The body is not what its media type says."""

    status = HTTPStatus.BAD_REQUEST
    title = "The request cannot be read"


class UnauthenticatedError(SignalCraftError):
    status = HTTPStatus.UNAUTHORIZED
    title = "Sign-in is needed"


class ForbiddenError(SignalCraftError):
    status = HTTPStatus.FORBIDDEN
    title = "Not allowed"


class NotFoundError(SignalCraftError):
    """Also the answer for what exists but is not the caller's to see."""

    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class ConflictError(SignalCraftError):
    status = HTTPStatus.CONFLICT
    title = "It is already so"


class TooLargeError(SignalCraftError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "The body is too large"


class UnsupportedMediaError(SignalCraftError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "The body is of a kind that is not accepted here"


class UnavailableError(SignalCraftError):
    """Nothing was stored; the same request may be sent again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Busy"

    def __init__(self, detail: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class TooManyRequestsError(SignalCraftError):
    """Somebody asks more than their share, or guesses too often; nothing was done."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many requests"

    def __init__(self, *, retry_after_seconds: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(
            f"Too many requests: please try again in {retry_after_seconds} s."
            f" / 요청이 너무 많습니다. {retry_after_seconds}초 후에 다시 시도해 주세요."
        )
        self.headers = {"Retry-After": str(retry_after_seconds), **(headers or {})}


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    request_id: str | None = None,
) -> dict[str, Any]:
    """A problem document (RFC 9457) plus `success`, `message`, `error` for deployed clients."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": int(status),
        "detail": detail,
        "success": False,
        "message": detail,
        "error": detail,
    }
    if errors:
        document["errors"] = list(errors)
    if request_id:
        document["request_id"] = request_id
    return document


def problem_of(error: SignalCraftError, *, request_id: str | None = None) -> dict[str, Any]:
    """The problem document of an expected error."""
    return problem(error.status, error.title, error.detail, errors=error.errors, request_id=request_id)


def validation_problem_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's error list as `{field, message}`, without the input itself (it may hold a secret)."""
    return [
        {
            "field": ".".join(
                str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}
            )
            or "body",
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
        for error in errors
    ]
