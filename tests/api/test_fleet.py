"""Unclaimed devices are the administrator's to give away, once."""

import pytest
from api_calls import assert_problem, sensor_data, signed_in
from flask.testing import FlaskClient

from people import FleetFixture, Person
from signalcraft.db.session import unit_of_work
from signalcraft.realtime import queries


def test_from_unclaimed_to_a_shops_machine(
    api_client: FlaskClient, fleet: FleetFixture, admin: Person, owner: Person
) -> None:
    api_client.post("/api/iot/sensors/data", json=sensor_data())
    path, body = (
        "/api/devices/FREEZER_7/claim",
        {"shop_id": fleet.shop.id, "machine_name": "아이스크림 냉동고"},
    )
    assert api_client.get("/api/iot/sensors/data/FREEZER_7", headers=signed_in(owner)).status_code == 404
    assert api_client.post(path, json=body, headers=signed_in(owner)).status_code == 403
    claimed = api_client.post(path, json=body, headers=signed_in(admin))
    assert claimed.status_code == 200, claimed.text
    machine = claimed.get_json()["machine"]
    assert (machine["name"], machine["shop_id"]) == ("아이스크림 냉동고", fleet.shop.id)
    assert machine["latest_reading"]["temperature_c"] == -18.5  # what it measured before stays
    assert api_client.get("/api/iot/sensors/data/FREEZER_7", headers=signed_in(owner)).status_code == 200
    assert_problem(api_client.post(path, json=body, headers=signed_in(admin)), 409, "device_id")
    with unit_of_work() as session:
        events = [(event.type, event.shop_id) for event in queries.events_after(session, 0, 10)]
    assert events == [("machine.changed", None), ("machine.changed", fleet.shop.id)]


@pytest.mark.parametrize(
    ("device", "body", "status", "field"),
    [
        ("NOBODY", {"shop_id": 1, "machine_name": "M"}, 404, "device_id"),
        ("FREEZER_7", {"shop_id": 999, "machine_name": "M"}, 422, "shop_id"),
        ("FREEZER_7", {"shop_id": "1", "machine_name": "M"}, 422, "shop_id"),
        ("FREEZER_7", {"shop_id": 1, "machine_name": "  "}, 422, "machine_name"),
        ("FREEZER_7", {"shop_id": 1, "machine_name": "a\nb"}, 422, "machine_name"),
    ],
)
def test_claims_that_cannot_be(
    api_client: FlaskClient,
    fleet: FleetFixture,
    admin: Person,
    device: str,
    body: object,
    status: int,
    field: str,
) -> None:
    api_client.post("/api/iot/sensors/data", json=sensor_data())
    answer = api_client.post(f"/api/devices/{device}/claim", json=body, headers=signed_in(admin))
    assert_problem(answer, status, field)


def test_shops_are_opened_by_administrators_and_seen_by_their_people(
    api_client: FlaskClient, admin: Person, owner: Person, fleet: FleetFixture
) -> None:
    created = api_client.post("/api/shops", json={"name": "  Second shop "}, headers=signed_in(admin))
    assert (created.status_code, created.get_json()["shop"]["name"]) == (201, "Second shop")
    assert api_client.post("/api/shops", json={"name": "Mine"}, headers=signed_in(owner)).status_code in {
        403,
        404,
    }
    shops = api_client.get("/api/shops", headers=signed_in(owner)).get_json()["shops"]
    assert shops == [{"id": fleet.shop.id, "name": "Ice & Co"}]


def test_owners_rename_their_machines_and_no_others(
    api_client: FlaskClient, owner: Person, stranger: Person, fleet: FleetFixture
) -> None:
    path = f"/api/machines/{fleet.machine.id}"
    renamed = api_client.patch(path, json={"name": "Freezer by the door"}, headers=signed_in(owner))
    assert renamed.get_json()["machine"]["name"] == "Freezer by the door"
    assert api_client.patch(path, json={"name": "x"}, headers=signed_in(stranger)).status_code == 404
