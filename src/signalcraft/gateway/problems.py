"""Every error of this tier as an RFC 9457 problem document."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from signalcraft.db import failures
from signalcraft.errors import (
    PROBLEM_MEDIA_TYPE,
    SignalCraftError,
    UnauthenticatedError,
    UnavailableError,
    problem,
    problem_of,
    validation_problem_errors,
)
from signalcraft.gateway.limits import refused
from signalcraft.logging import get_logger

log = get_logger(__name__)


def init_problems(app: FastAPI) -> None:
    app.add_exception_handler(SignalCraftError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database_away)
    app.add_exception_handler(PoolTimeoutError, _database_away)
    app.add_exception_handler(Exception, _unexpected)


def problem_response(error: SignalCraftError, *, request_id: str | None) -> JSONResponse:
    """An expected error as its problem document."""
    log.info("refused", status=int(error.status), detail=error.detail, field=error.field)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return _answer(problem_of(error, request_id=request_id), headers | error.headers)


def _answer(document: dict[str, object], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        document,
        status_code=int(str(document["status"])),
        headers=headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def _request_id(request: Request) -> str | None:
    return getattr(request.state, "request_id", None)


def _expected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SignalCraftError)  # noqa: S101  # what it is registered for
    if isinstance(error, UnauthenticatedError):
        error = refused(request, error)
    return problem_response(error, request_id=_request_id(request))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    malformed = any(item["type"] == "json_invalid" for item in error.errors())
    errors = validation_problem_errors(error.errors())
    if malformed:
        document = problem(
            400, "The request cannot be read", "The body is not valid JSON.", request_id=_request_id(request)
        )
    else:
        detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors)
        document = problem(
            422, "A value is not acceptable", detail, errors=errors, request_id=_request_id(request)
        )
    return _answer(document)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    document = problem(
        error.status_code, "The request was refused", str(error.detail), request_id=_request_id(request)
    )
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The router names the methods of the first route that has this path; another may have it too.
        headers["Allow"] = ", ".join(sorted(request.app.state.addresses.methods_of(request.url.path)))
    return _answer(document, headers)


def _database_away(request: Request, error: Exception) -> JSONResponse:
    if not failures.passes(error):
        raise error
    # A line without a traceback: while the server is away there is one for each request.
    log.error("database_unavailable", reason=failures.reason(error))
    away = UnavailableError("The database does not answer; send the same request again later.")
    return _expected(request, away)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("unexpected_error", exc_info=error)
    return _answer(
        problem(
            500,
            "Something went wrong here",
            "The request could not be completed. It has been noted and will be looked at.",
            request_id=_request_id(request),
        )
    )
