"""What a node is told to do: kept until it confirms, sent again, given up in time, asked for with right."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer, make_person
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import commands
from signalcraft.fleet.models import DeviceCommand
from signalcraft.realtime.models import OutboxEvent


class Node:
    """The node's side: it asks, and confirms."""

    def __init__(self, api: FlaskClient, device_id: str) -> None:
        self.api, self.device_id = api, device_id

    def contact(self) -> list[dict[str, Any]]:
        answer = self.api.post("/api/esp32/heartbeat", json={"device_id": self.device_id, "rssi_dbm": -60})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.get_json()["commands"]
        return found

    def confirm(self, command_id: int, *, success: bool = True) -> tuple[int, dict[str, Any]]:
        answer = self.api.post(
            f"/api/esp32/commands/{command_id}/ack",
            json={"device_id": self.device_id, "success": success, "message": "said so"},
        )
        return answer.status_code, answer.get_json()


@pytest.fixture
def node(api_client: FlaskClient, fleet: FleetFixture) -> Node:
    return Node(api_client, fleet.device.device_id)


@pytest.fixture
def headers(gateway_client: TestClient, owner: Person) -> dict[str, str]:
    return bearer(gateway_client, owner)


def path_of(node: Node, rest: str) -> str:
    return f"/api/devices/{node.device_id}/{rest}"


def test_a_command_is_sent_until_it_is_confirmed_and_then_no_more(
    api_client: FlaskClient, node: Node, headers: dict[str, str]
) -> None:
    ordered = api_client.post(path_of(node, "commands"), json={"kind": "restart"}, headers=headers)
    assert ordered.status_code == 202
    number = ordered.get_json()["command"]["id"]
    assert node.contact() == [{"type": "restart", "command_id": number}]
    assert node.contact() == []  # it is under way
    with unit_of_work() as session:
        session.execute(update(DeviceCommand).values(delivered_at=utc_now() - commands.AGAIN_AFTER))
    assert node.contact() == [{"type": "restart", "command_id": number}]
    assert node.confirm(number) == (
        200,
        {"success": True, "command_id": number, "state": "acknowledged"},
    )
    assert node.confirm(number, success=False)[1]["state"] == "acknowledged"  # said again, it counts once
    with unit_of_work() as session:
        session.execute(update(DeviceCommand).values(delivered_at=utc_now() - commands.AGAIN_AFTER))
        told = session.scalars(select(OutboxEvent).where(OutboxEvent.type == "device.command")).all()
    assert node.contact() == []
    assert [event.payload["command"]["state"] for event in told] == ["acknowledged"]
    [listed] = api_client.get(path_of(node, "commands"), headers=headers).get_json()["commands"]
    assert (listed["deliveries"], listed["message"]) == (2, "said so")


def test_two_processes_do_not_send_the_same_command(node: Node, fleet: FleetFixture, admin: Person) -> None:
    with unit_of_work() as session:
        for _ in range(5):
            commands.queue(
                session,
                fleet.device,
                "calibrate",
                {},
                expires_in=timedelta(hours=1),
                user_id=admin.principal.user_id,
            )

    def deliver() -> list[int]:
        with unit_of_work() as session:
            messages = commands.deliver(session, [fleet.device.id]).get(fleet.device.id, [])
        return [message["command_id"] for message in messages]

    with ThreadPoolExecutor(4) as pool:
        sent = [number for numbers in pool.map(lambda _: deliver(), range(4)) for number in numbers]
    assert sorted(sent) == [1, 2, 3, 4, 5]


def test_what_nobody_confirms_expires(api_client: FlaskClient, node: Node, headers: dict[str, str]) -> None:
    api_client.post(
        path_of(node, "commands"), json={"kind": "calibrate", "expires_in_s": 60}, headers=headers
    )
    with unit_of_work() as session:
        session.execute(update(DeviceCommand).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert node.contact() == []
    with unit_of_work() as session:
        commands.expire(session)
    [listed] = api_client.get(path_of(node, "commands"), headers=headers).get_json()["commands"]
    assert listed["state"] == "expired"


def test_settings_are_versions_that_the_node_confirms(
    api_client: FlaskClient, node: Node, headers: dict[str, str]
) -> None:
    for interval in (10, 5):
        answer = api_client.patch(
            path_of(node, "settings"), json={"upload_interval_s": interval}, headers=headers
        )
        assert answer.status_code == 200
    again = api_client.patch(path_of(node, "settings"), json={"upload_interval_s": 5}, headers=headers)
    assert again.get_json()["settings"]["version"] == 2  # it was so already
    config = api_client.get(f"/api/esp32/config?device_id={node.device_id}").get_json()
    assert (config["settings_version"], config["config"]["upload_interval"]) == (2, 5)
    # The command of the first version is taken back: the second one says it better.
    [message] = config["commands"]
    assert (message["type"], message["settings_version"], message["upload_interval"]) == ("config", 2, 5)
    node.confirm(message["command_id"])
    settings = api_client.get(path_of(node, "settings"), headers=headers).get_json()["settings"]
    assert (settings["applied_version"], settings["version"]) == (2, 2)


def test_a_command_can_be_taken_back(api_client: FlaskClient, node: Node, headers: dict[str, str]) -> None:
    ordered = api_client.post(path_of(node, "commands"), json={"kind": "restart"}, headers=headers)
    number = ordered.get_json()["command"]["id"]
    taken = api_client.delete(path_of(node, f"commands/{number}"), headers=headers)
    assert taken.get_json()["command"]["state"] == "cancelled"
    assert api_client.delete(path_of(node, f"commands/{number}"), headers=headers).status_code == 409
    assert node.contact() == []


def test_who_may_command(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, node: Node, stranger: Person
) -> None:
    viewer = make_person("viewer", shops={fleet.shop.id: "viewer"})
    technician = make_person("technician", shops={fleet.shop.id: "technician"})
    statuses = {
        person.username: [
            api_client.post(
                path_of(node, "commands"), json={"kind": "restart"}, headers=bearer(gateway_client, person)
            ).status_code,
            api_client.patch(
                path_of(node, "settings"),
                json={"sample_rate_hz": 8000},
                headers=bearer(gateway_client, person),
            ).status_code,
        ]
        for person in (viewer, technician, stranger)
    }
    assert statuses == {"viewer": [403, 403], "technician": [202, 200], "stranger": [404, 404]}
    told = [
        api_client.get(path_of(node, "").rstrip("/"), headers=bearer(gateway_client, person)).get_json()[
            "may"
        ]
        for person in (viewer, technician)
    ]
    assert told == [[], ["device.manage", "threshold.manage", "export.read"]]
    assert api_client.post(path_of(node, "commands"), json={"kind": "restart"}).status_code == 401


def test_another_node_cannot_confirm(
    api_client: FlaskClient, node: Node, headers: dict[str, str], stranger: Person
) -> None:
    ordered = api_client.post(path_of(node, "commands"), json={"kind": "restart"}, headers=headers)
    number = ordered.get_json()["command"]["id"]
    assert Node(api_client, "ESP32_MIC_0002").confirm(number)[0] == 404


def test_bad_orders_name_the_field(api_client: FlaskClient, node: Node, headers: dict[str, str]) -> None:
    for rest, body, field in (
        ("settings", {}, "body"),
        ("settings", {"upload_interval_s": 0}, "upload_interval_s"),
        ("settings", {"upload_interval_s": 901}, "upload_interval_s"),
        ("settings", {"sample_rate_hz": 12345}, "sample_rate_hz"),
        ("settings", {"upload": 5}, "upload"),
        ("commands", {"kind": "explode"}, "kind"),
        ("commands", {"kind": "firmware_update"}, "kind"),
        ("commands", {"kind": "restart", "expires_in_s": 1}, "expires_in_s"),
    ):
        method = "PATCH" if rest == "settings" else "POST"
        answer = api_client.open(path_of(node, rest), method=method, json=body, headers=headers)
        assert answer.status_code == 422, body
        assert field in [error["field"] for error in answer.get_json()["errors"]], body
