"""Queries of this tier: only what an operation knows, and each parameter once (`strict_query`)."""

import re
from typing import Any

from flask import Flask, request
from werkzeug.routing import Rule

from signalcraft.strict_query import declared_queries, require_declared

_CONVERTED = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


def openapi_path(rule: Rule) -> str:
    """An address as OpenAPI writes it: `{machine_id}` for Flask's `<int:machine_id>`."""
    return _CONVERTED.sub(r"{\1}", rule.rule)


def init_queries(app: Flask, document: dict[str, Any]) -> None:
    """Check the query of every operation that the OpenAPI document describes."""
    declared = declared_queries(document)

    def check() -> None:
        if request.url_rule is not None:
            known = declared.get((openapi_path(request.url_rule), request.method))
            if known is not None:
                require_declared((name for name, _ in request.args.items(multi=True)), known)

    app.before_request(check)
