"""Default is deny: every address has a rule, and the rules hold."""

import pytest
from api_calls import signed_in
from flask import Flask
from flask.testing import FlaskClient

from people import FleetFixture, Person
from signalcraft.accounts.credentials import access_cookie
from signalcraft.api.access import init_access, rule_of
from signalcraft.api.problems import init_problems

OPEN_TO_ALL = {
    "/live",
    "/ready",
    "/version",
    "/api/openapi/api.json",
    "/api/lightweight-analyze",
    "/api/ai/lightweight-analyze",
}


def test_every_route_has_a_rule_and_the_public_ones_are_these(api_app: Flask) -> None:
    rules = {
        rule.rule: rule_of(api_app.view_functions[rule.endpoint]) for rule in api_app.url_map.iter_rules()
    }
    assert [path for path, rule in rules.items() if rule is None] == []
    assert {path for path, rule in rules.items() if rule and rule.caller == "public"} == OPEN_TO_ALL


def test_a_route_without_a_rule_is_closed() -> None:
    app = Flask("forgotten")
    init_problems(app)
    init_access(app)
    app.add_url_rule("/forgotten", view_func=lambda: "secret")
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/shops",
        "/api/iot/devices",
        "/api/iot/sensors/data/ESP32_MIC_0001",
        "/api/esp32/features/recent",
        "/api/dashboard/overview",
        "/api/machines/1",
    ],
)
def test_what_people_read_needs_a_sign_in(api_client: FlaskClient, fleet: FleetFixture, path: str) -> None:
    answer = api_client.get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert api_client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_other_peoples_devices_do_not_exist(
    api_client: FlaskClient, fleet: FleetFixture, stranger: Person
) -> None:
    headers = signed_in(stranger)
    for path in (
        f"/api/iot/sensors/data/{fleet.device.device_id}",
        f"/api/esp32/features/recent?device_id={fleet.device.device_id}",
        f"/api/machines/{fleet.machine.id}",
    ):
        assert api_client.get(path, headers=headers).status_code == 404
    names = [
        device["device_id"]
        for device in api_client.get("/api/iot/devices", headers=headers).get_json()["devices"]
    ]
    assert names == ["ESP32_MIC_0002"]


def test_a_change_with_the_cookie_needs_a_header_other_sites_cannot_set(
    api_client: FlaskClient, admin: Person
) -> None:
    api_client.set_cookie(access_cookie(), signed_in(admin)["Authorization"].removeprefix("Bearer "))
    assert api_client.get("/api/shops").status_code == 200
    assert api_client.post("/api/shops", json={"name": "Ice"}).status_code == 403
    ours = {"X-Requested-With": "signalcraft"}
    assert api_client.post("/api/shops", json={"name": "Ice"}, headers=ours).status_code == 201
