"""What each operation may refuse, written into the OpenAPI document of either tier in one place."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.errors import PROBLEM_MEDIA_TYPE

Caller = Literal["public", "device", "user"]
"""What a route's access rule demands of its caller."""
Operation = dict[str, Any]

METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_CHANGES = frozenset({"put", "post", "delete", "patch"})

SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An access token, or an API token."},
}


class FieldError(BaseModel):
    """One value that is not acceptable."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="The field, header or parameter as the caller wrote it.")
    message: str
    index: int = Field(0, ge=0, description="In a batch: the item's place in it, from 0.")


class Problem(BaseModel):
    """RFC 9457 problem document; `success`, `message` and `error` are what deployed clients read."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    success: Literal[False]
    message: str
    error: str
    errors: list[FieldError] = []
    request_id: str | None = None


PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem document",
    "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe_errors(document: dict[str, Any], caller_of: Callable[[str, str], Caller]) -> dict[str, Any]:
    """Add to every operation the errors it may answer with, and who may call it.

    Parameters
    ----------
    document : changed in place, and returned.
    caller_of : what an operation, by path and method (`GET`), demands of its caller.
    """
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (FieldError, Problem):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = SECURITY_SCHEMES
    for path, method, operation in operations(document):
        caller = caller_of(path, method.upper())
        responses = operation.setdefault("responses", {})
        responses.pop("422", None)  # the framework's own description of it
        for declared in responses:
            if declared[0] in "45" and not responses[declared].get("content"):
                responses[declared]["content"] = PROBLEM_RESPONSE["content"]
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _without_null(parameter["schema"])
        for status in _errors(path, method, operation, caller):
            described = {**PROBLEM_RESPONSE, "description": status.phrase}
            responses.setdefault(str(int(status)), described)
        if caller == "user":
            operation["security"] = [{"token": []}]
    return document


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out rather than null: in an address or a header there is no null to send."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {
            **{name: value for name, value in schema.items() if name not in ("anyOf", "default")},
            **kinds[0],
        }
    return {**schema, "anyOf": kinds} if kinds else schema


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    """Path, method in lower case and description of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def _errors(path: str, method: str, operation: Operation, caller: Caller) -> Iterator[HTTPStatus]:
    """Every operation may be refused for its query, for being too much, or for a busy server."""
    yield HTTPStatus.UNPROCESSABLE_ENTITY
    yield HTTPStatus.TOO_MANY_REQUESTS
    yield HTTPStatus.SERVICE_UNAVAILABLE
    has_body = "requestBody" in operation
    if has_body:
        yield from (
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    if caller != "public" or method in _CHANGES:
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if caller == "user" and method in _CHANGES:
        yield HTTPStatus.CONFLICT
    if "{" in path or has_body or operation.get("parameters"):
        yield HTTPStatus.NOT_FOUND
