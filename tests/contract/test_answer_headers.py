"""Headers of both tiers' answers: what a browser must not do, who may call from elsewhere, what is kept."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.api.app import create_app as create_api
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.gateway.routes.pages import WEB
from signalcraft.settings import Settings, get_settings

OURS = "https://shop.example"
THEIRS = "https://evil.example"


@pytest.fixture
def clients(settings: Settings, database: None) -> dict[str, Any]:
    """Both tiers behind TLS, with one trusted origin."""
    strict = settings.model_copy(update={"trusted_origins": (OURS,), "cookie_secure": True})
    return {"api": create_api(strict).test_client(), "gateway": TestClient(create_gateway(strict))}


@pytest.mark.parametrize(("tier", "path"), [("api", "/api/shops"), ("gateway", "/api/alarms")])
def test_only_trusted_origins_may_call_and_read(clients: dict[str, Any], tier: str, path: str) -> None:
    def ask(method: str, origin: str, **headers: str) -> Any:
        return getattr(clients[tier], method)(path, headers={"Origin": origin, **headers})

    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "Authorization"}
    allowed = ask("options", OURS, **asks)
    assert allowed.status_code in (200, 204)
    assert allowed.headers["Access-Control-Allow-Origin"] == OURS
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    assert int(allowed.headers["Access-Control-Max-Age"]) == 600
    refused = ask("options", THEIRS, **asks)
    assert refused.status_code in (400, 403)
    assert "Access-Control-Allow-Origin" not in refused.headers
    read = ask("get", OURS)
    assert read.status_code == 401, "an origin is no sign-in"
    assert read.headers["Access-Control-Allow-Origin"] == OURS
    assert "RateLimit" in read.headers["Access-Control-Expose-Headers"]
    assert "Origin" in read.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in ask("get", THEIRS).headers


@pytest.mark.parametrize(
    ("tier", "path", "policy"),
    [
        ("api", "/api/shops", "default-src 'none'"),
        ("api", "/api/openapi/api.json", "default-src 'none'"),
        ("api", "/nowhere", "default-src 'none'"),
        ("gateway", "/api/alarms", "default-src 'none'"),
        ("gateway", "/", "default-src 'self'"),
        ("gateway", "/static/js/app.js", "default-src 'self'"),
        ("gateway", "/nowhere", "default-src 'none'"),
    ],
)
def test_every_answer_tells_the_browser_what_it_must_not_do(
    clients: dict[str, Any], tier: str, path: str, policy: str
) -> None:
    headers = clients[tier].get(path).headers
    assert headers["Content-Security-Policy"].startswith(policy)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000")
    for name in ("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy"):
        assert headers[name] == "same-origin"
    assert "Server" not in headers
    if "json" in headers["Content-Type"]:
        assert headers["Cache-Control"] == "no-store"


def test_nothing_is_said_of_tls_where_there_is_none(
    gateway_client: TestClient, api_client: FlaskClient
) -> None:
    for client in (gateway_client, api_client):
        assert "Strict-Transport-Security" not in client.get("/version").headers


def test_no_page_needs_what_the_policy_forbids() -> None:
    pages = list(WEB.glob("*.html"))
    assert pages
    for page in pages:
        text = page.read_text()
        assert [
            mark for mark in ("<style", " style=", " onclick=", " onload=", "javascript:") if mark in text
        ] == []
        assert re.findall(r"<script(?![^>]* src=)[^>]*>|<script[^>]*>[^<]", text) == []


BAD_JSON = [
    ('{"username": "a", "username": "b", "password": "x"}', 400),
    ('{"username": "a", "password": "x", "delivery": NaN}', 400),
    ("[" * 10_000, 400),
    (b"\xff\xfe{}", 400),
    ('{"username": "a", "password": 1e999}', 422),
    ('{"username": "a\\u0000", "password": "x"}', 422),
    ('{"username": "a", "password": "' + "x" * 300_000 + '"}', 413),
]


def test_the_people_s_tier_reads_json_as_strictly_as_the_machines(gateway_client: TestClient) -> None:
    for body, status in BAD_JSON:
        answer = gateway_client.post(
            "/api/auth/login", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == status, (body[:40], answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert json.loads(answer.text)["errors"]


def test_a_query_that_an_operation_does_not_know_is_refused(
    gateway_client: TestClient, api_client: FlaskClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for client, path in ((gateway_client, "/api/alarms"), (api_client, "/api/machines/1/analyses")):
        for query, field in (("limi=5", "limi"), ("limit=5&limit=6", "limit")):
            answer = client.get(f"{path}?{query}", headers=headers)
            assert answer.status_code == 422
            assert json.loads(answer.text)["errors"][0]["field"] == field


def test_names_are_one_whatever_their_code_points(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    answer = api_client.post("/api/shops", json={"name": decomposed}, headers=headers)
    assert answer.get_json()["shop"]["name"] == composed
    for name in ("a\u202eb", "a\u0007", "a\u2028b", "\u0000", " "):
        refused = api_client.post("/api/shops", json={"name": name}, headers=headers)
        assert refused.status_code == 422, name


def test_settings_refuse_what_is_no_origin_and_no_network() -> None:
    good = get_settings().model_dump()
    for field, value in (
        ("trusted_origins", "*"),
        ("trusted_origins", "shop.example"),
        ("trusted_proxies", "me"),
    ):
        with pytest.raises(ValueError, match=field):
            Settings(**{**good, field: value}, _env_file=None)
