"""The OpenAPI document names what there is."""

import re

from flask import Flask
from flask.testing import FlaskClient


def test_every_operation_is_described(api_app: Flask, api_client: FlaskClient) -> None:
    document = api_client.get("/api/openapi/api.json").get_json()
    described = {
        (path, method.upper())
        for path, item in document["paths"].items()
        for method in item
        if method != "summary"
    }
    hidden = {"/live", "/ready", "/version", "/api/openapi/api.json"}
    routed = {
        (re.sub(r"<(?:[^<:]+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in api_app.url_map.iter_rules()
        if rule.rule not in hidden
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routed
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert "422" in operation["responses"]
    assert "Problem" in document["components"]["schemas"]
