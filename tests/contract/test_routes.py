"""Every address of both tiers: who may call it, and what it answers, is said and true."""

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi import APIRouter
from flask import Flask
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from signalcraft.api import schemas
from signalcraft.api.access import rule_of
from signalcraft.clock import utc_now
from signalcraft.gateway.access import api_routes, verify_access_rules
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.operations import proxy
from signalcraft.settings import Settings

METHODS = {"get", "post", "put", "patch", "delete"}


def test_every_address_of_the_machines_tier_has_an_access_rule(api_app: Flask) -> None:
    without = [
        rule.rule
        for rule in api_app.url_map.iter_rules()
        if rule_of(api_app.view_functions[rule.endpoint]) is None
    ]
    assert without == []


def test_the_proxy_sends_every_address_of_the_machines_tier_to_it(api_app: Flask) -> None:
    own = ("/live", "/ready", "/version", "/static")  # of the process itself, asked for behind the proxy
    lost = [
        rule.rule
        for rule in api_app.url_map.iter_rules()
        if not any(rule.rule == path or rule.rule.startswith(f"{path}/") for path in (*proxy.API_PATHS, *own))
    ]
    assert lost == []


def test_the_people_s_tier_does_not_start_with_an_address_without_a_rule(settings: Settings) -> None:
    app = create_gateway(settings)
    forgotten = APIRouter()
    forgotten.add_api_route("/forgotten", lambda: "secret")
    app.include_router(forgotten)
    with pytest.raises(RuntimeError, match="/forgotten"):
        verify_access_rules(app)


def test_every_address_of_the_people_s_tier_is_described_or_a_page(settings: Settings) -> None:
    app = create_gateway(settings)
    described = set(app.openapi()["paths"])
    assert len(described) > 10
    assert {path for path, _ in api_routes(app)} - described == {
        "/",
        "/sign-in",
        "/register",
        "/confirm-email",
        "/forgot-password",
        "/reset-password",
        "/accept-invitation",
        "/account",
        "/admin",
        "/admin/{rest:path}",
        "/shops/{rest:path}",
        "/devices",
        "/machines/{rest:path}",
        "/api/docs",
    }


@pytest.mark.parametrize("tier", ["api", "gateway"])
def test_every_operation_says_what_it_answers(
    api_client: FlaskClient, gateway_client: TestClient, tier: str
) -> None:
    path = f"/api/openapi/{tier}.json"
    document = api_client.get(path).get_json() if tier == "api" else gateway_client.get(path).json()
    silent = [
        f"{method} {address}"
        for address, item in document["paths"].items()
        for method in METHODS & item.keys()
        if not _says_what_it_answers(item[method])
    ]
    assert silent == []


def _says_what_it_answers(operation: dict[str, Any]) -> bool:
    if operation["responses"].keys() & {"302", "303"}:
        return True  # a browser is sent on
    contents = [
        answer.get("content", {}) for status, answer in operation["responses"].items() if status[0] == "2"
    ]
    # Events have no schema in OpenAPI 3.1.
    return bool(contents) and all(
        kind == "text/event-stream" or content.get("schema")
        for media in contents
        for kind, content in (media or {"": {}}).items()
    )


def test_the_answers_are_as_described(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, admin: Person
) -> None:
    name = fleet.device.device_id
    headers = bearer(gateway_client, admin)
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, 32_000), 16_000, format="WAV")
    sound = {"X-Device-ID": name, "X-Sample-Rate": "16000", "X-Bits-Per-Sample": "16"}

    def get(path: str) -> dict[str, Any]:
        return _document(api_client.get(path, headers=headers))

    def post(path: str, **body: Any) -> dict[str, Any]:
        return _document(api_client.post(path, **{"headers": headers, **body}))

    def form() -> dict[str, Any]:
        return {"data": {"audio": (io.BytesIO(file.getvalue()), "a.wav")}}

    message = {
        "device_id": name,
        "timestamp": utc_now().isoformat(),
        "temperature": -18.5,
        "vibration": None,
    }
    features = {"device_id": name, "rms_energy": 812.25}
    schemas.Registered(**post("/api/esp32/register", json={"device_id": name}))
    schemas.NodeConfig(**get(f"/api/esp32/config?device_id={name}"))
    schemas.NodeStatuses(**get(f"/api/esp32/status?device_id={name}"))
    schemas.NodeStatuses(**get("/api/esp32/status"))
    for pcm in (bytes(2048), bytes(64_000)):
        schemas.AudioReceived(**post("/api/esp32/audio/upload", data=pcm, headers=sound))
    schemas.FeaturesReceived(**post("/api/esp32/features", json=features))
    assert schemas.RecentFeatures(**get("/api/esp32/features/recent")).count == 1
    schemas.SensorDataReceived(
        **post("/api/iot/sensors/data", json=message | {"power_consumption": 40, "audio_level": 130})
    )
    assert schemas.SensorHistory(**get(f"/api/iot/sensors/data/{name}")).count == 2
    assert len(schemas.DeviceList(**get("/api/iot/devices")).devices) == 1
    schemas.ShopAnswer(**post("/api/shops", json={"name": "Ice"}))
    assert len(schemas.ShopList(**get("/api/shops")).shops) == 2
    job = schemas.JobAccepted(**post("/api/ai/analyze", **form()))
    assert schemas.JobAnswer(**get(job.links.job)).job.id == job.job.id
    schemas.OverloadAnswer(**post("/api/lightweight-analyze", **form()))


def _document(answer: Any) -> dict[str, Any]:
    assert 200 <= answer.status_code < 300, answer.text
    document: dict[str, Any] = answer.get_json()
    return document
