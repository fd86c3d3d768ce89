"""Nobody makes the server call, or send people to, an address of their choice."""

import ast
from itertools import product
from pathlib import Path
from typing import Any

from flask import Flask
from starlette.testclient import TestClient

import signalcraft
from people import Person, bearer
from signalcraft.settings import get_settings

SOURCE = Path(signalcraft.__file__).parent
CLIENTS = {
    "httpx",
    "requests",
    "aiohttp",
    "urllib.request",
    "http.client",
    "smtplib",
    "socket",
    "ftplib",
    "authlib",
}
"""What can open a connection."""
CALLING = {
    "accounts/openid.py": "the provider's addresses are the operator's setting and what is published there",
    "mail/delivery.py": "SIGNALCRAFT_SMTP_URL",
    "monitor/ages.py": "SIGNALCRAFT_PUBLIC_URL, whose certificate it looks at",
    "monitor/heartbeat.py": "SIGNALCRAFT_HEARTBEAT_URL",
    "monitor/tiers.py": "the internal ports of this machine",
    "monitor/webhook.py": "SIGNALCRAFT_OPERATOR_WEBHOOK_URL",
    "realtime/connection.py": "REDIS_URL; it sets options of the socket",
    "storage/objects.py": "OBJECT_STORE_URL",
    "systemtest/visit.py": "the public ports of this machine, or what the operator names",
}
"""Who calls out while it serves requests, and who has said where to. A new one is a decision."""
COMMANDS = ("cli/", "client/", "operations/", "evaluation/", "migration/")
"""What an operator or somebody's own program runs, against what they name."""


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_who_calls_out_is_listed_here() -> None:
    calling = set()
    for file in SOURCE.rglob("*.py"):
        name = str(file.relative_to(SOURCE))
        parts = {".".join(module.split(".")[:depth]) for module in imported(file) for depth in (1, 2)}
        if parts & CLIENTS and not name.startswith(COMMANDS):
            calling.add(name)
    assert calling <= set(CALLING)
    assert "mail/delivery.py" in calling, "what is looked for is found"


def test_no_operation_takes_an_address_to_call(api_app: Flask, gateway_client: TestClient) -> None:
    documents = (
        gateway_client.get("/api/openapi/gateway.json").json(),
        api_app.test_client().get("/api/openapi/api.json").get_json(),
    )
    for document in documents:
        wanted = {
            name
            for name in _inputs(document)
            if any(word in name for word in ("url", "uri", "webhook", "callback", "host"))
        }
        assert wanted == set()
        assert len(_inputs(document)) > 30


def _inputs(document: dict[str, Any]) -> set[str]:
    """The names of all parameters and of all fields of request bodies."""
    names: set[str] = set()
    schemas = document["components"]["schemas"]

    def add(schema: Any, seen: frozenset[str] = frozenset()) -> None:
        if isinstance(schema, list):
            for item in schema:
                add(item, seen)
        elif isinstance(schema, dict):
            reference = str(schema.get("$ref", "")).rpartition("/")[2]
            if reference and reference not in seen:
                add(schemas[reference], seen | {reference})
            names.update(name.lower() for name in schema.get("properties", {}))
            for part in schema.values():
                if isinstance(part, dict | list):
                    add(part, seen)

    for item in document["paths"].values():
        for operation in item.values():
            names.update(parameter["name"].lower() for parameter in operation.get("parameters", ()))
            add(operation.get("requestBody", {}))
    return names


def test_links_in_mails_lead_where_the_operator_says(gateway_client: TestClient, admin: Person) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    gateway_client.post("/api/auth/forgot-password", json={"email": "a@shop.example"}, headers=evil)
    assert "evil" not in get_settings().public_origin
    answer = gateway_client.get("/sign-in", headers=evil, follow_redirects=False)
    assert "evil" not in answer.text + str(answer.headers)


def test_no_answer_redirects_where_a_request_says(gateway_client: TestClient, admin: Person) -> None:
    headers = bearer(gateway_client, admin)
    names = ("next", "redirect", "redirect_uri", "return_to", "url")
    for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:evil()"):
        for name, path in product(names, ("/sign-in", "/api/kakao/login", "/api/kakao/callback")):
            answer = gateway_client.get(path, params={name: target}, headers=headers, follow_redirects=False)
            assert "evil" not in answer.headers.get("location", ""), (path, name)
