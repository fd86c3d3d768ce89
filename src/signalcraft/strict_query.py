"""A query parameter that an operation does not know, or one given twice, is a mistake and is refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from signalcraft.errors import InvalidInputError
from signalcraft.openapi_errors import operations

Declared = Mapping[tuple[str, str], frozenset[str]]


def declared_queries(document: dict[str, Any]) -> Declared:
    """The names that each operation (path, method) of an OpenAPI document knows."""
    return {
        (path, method.upper()): frozenset(
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"
        )
        for path, method, operation in operations(document)
    }


def require_declared(given: Iterable[str], declared: frozenset[str]) -> None:
    """Check the names of a request's query, repeated as often as they stand in it.

    Raises
    ------
    InvalidInputError
        Names the first that is unknown or stands there twice: one reader would take its first value, another
        one its last.
    """
    seen: set[str] = set()
    for name in given:
        if name not in declared:
            raise InvalidInputError("This parameter is not known here.", field=name[:64])
        if name in seen:
            raise InvalidInputError("This parameter is given twice.", field=name)
        seen.add(name)
