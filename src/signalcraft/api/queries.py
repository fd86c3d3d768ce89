"""Queries of this tier: only what an operation knows, and each parameter once (`strict_query`)."""

import re
from typing import Any, get_type_hints

from flask import Flask, request
from pydantic import BaseModel
from werkzeug.routing import Rule

from signalcraft.strict_query import declared_queries, require_declared

_PARAMETERS = ("query", "header", "form")
"""What flask-openapi3 calls them in a view's signature."""
_CONVERTED = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


def openapi_path(rule: Rule) -> str:
    """An address as OpenAPI writes it: `{machine_id}` for Flask's `<int:machine_id>`."""
    return _CONVERTED.sub(r"{\1}", rule.rule)


def describe_once(app: Flask) -> None:
    """Have the JSON schemas of parameters made now.

    flask-openapi3 asks the model of a query, of headers or of a form for it at each request, and making it
    takes longer than everything else that it does with them.
    """
    models = {
        model
        for view in app.view_functions.values()
        for name, model in get_type_hints(view).items()
        if name in _PARAMETERS and issubclass(model, BaseModel)
    }
    make = BaseModel.__dict__["model_json_schema"].__func__
    usual = {model: make(model) for model in models}

    def model_json_schema(cls: type[BaseModel], *arguments: Any, **options: Any) -> Any:
        # A model may inherit from another one, and this from it.
        known = None if arguments or options else usual.get(cls)
        return make(cls, *arguments, **options) if known is None else known

    for model in models:
        model.model_json_schema = classmethod(model_json_schema)


def init_queries(app: Flask, document: dict[str, Any]) -> None:
    """Check the query of every operation that the OpenAPI document describes."""
    declared = declared_queries(document)

    def check() -> None:
        if request.url_rule is not None:
            known = declared.get((openapi_path(request.url_rule), request.method))
            if known is not None:
                require_declared((name for name, _ in request.args.items(multi=True)), known)

    app.before_request(check)
