"""Every error becomes a problem document (RFC 9457); nothing about the inside leaves."""

from typing import Any, NoReturn

from flask import Flask, Response, jsonify
from flask_openapi3.types import ResponseDict
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from signalcraft.db import failures
from signalcraft.errors import (
    PROBLEM_MEDIA_TYPE,
    InvalidInputError,
    SignalCraftError,
    TooLargeError,
    UnavailableError,
    problem,
    problem_of,
    validation_problem_errors,
)
from signalcraft.logging import get_logger, request_id
from signalcraft.openapi_errors import PROBLEM_RESPONSE

log = get_logger(__name__)


PROBLEM_RESPONSES: ResponseDict = {"422": PROBLEM_RESPONSE}
"""For `abp_responses` of a blueprint; `openapi_errors` adds the others."""


def init_problems(app: Flask) -> None:
    """Render every error that a request ends with."""
    app.register_error_handler(SignalCraftError, problem_response)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database_away)
    app.register_error_handler(PoolTimeoutError, _database_away)


def raise_validation_error(error: ValidationError) -> NoReturn:
    """flask-openapi3's callback: what Pydantic refused, with the fields as the caller wrote them."""
    errors = validation_problem_errors(
        error.errors(include_url=False, include_input=False, include_context=False)
    )
    first = errors[0]
    raise InvalidInputError(f"{first['field']}: {first['message']}", errors=errors)


def problem_response(error: SignalCraftError) -> Response:
    """An expected error as its problem document."""
    log.info("refused", status=int(error.status), detail=error.detail, field=error.field)
    response = _answer(int(error.status), problem_of(error, request_id=request_id()))
    response.headers.extend(error.headers)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http(error: HTTPException) -> Response:
    """Werkzeug's own errors. Flask wraps the unexpected in one too, after logging and reporting it."""
    if isinstance(error, RequestEntityTooLarge):
        return problem_response(TooLargeError("The body is larger than this address accepts.", field="body"))
    status = error.code or 500
    detail = (
        "An error happened here; it has been recorded."
        if status >= 500
        else (error.description or error.name)
    )
    response = _answer(status, problem(status, error.name, detail, request_id=request_id()))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:  # Allow, Retry-After, …
            response.headers[name] = value
    return response


def _database_away(error: Exception) -> Response:
    if not failures.passes(error):
        raise error
    # A line without a traceback: while the server is away there is one for each request.
    log.error("database_unavailable", reason=failures.reason(error))
    return problem_response(
        UnavailableError("The database does not answer; send the same request again later.")
    )


def _answer(status: int, document: dict[str, Any]) -> Response:
    response = jsonify(document)
    response.status_code = status
    response.mimetype = PROBLEM_MEDIA_TYPE
    return response
