"""Firmware: only what the operator signed, to more and more nodes, and back again where it fails."""

import base64
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import select, update
from starlette.testclient import TestClient
from werkzeug.test import TestResponse

from people import FleetFixture, Person, bearer
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.firmware import rollouts, signatures
from signalcraft.fleet.firmware.models import FirmwareRollout, FirmwareUpdate
from signalcraft.fleet.models import Device, Machine
from signalcraft.settings import get_settings

KEY = Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
IMAGE = bytes([0xE9]) + bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def trusted_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's public key among the settings of this process."""
    settings = get_settings().model_copy(update={"firmware_public_keys": (PUBLIC,)})
    monkeypatch.setattr(signatures, "get_settings", lambda: settings)


@pytest.fixture
def headers(gateway_client: TestClient, admin: Person) -> dict[str, str]:
    return bearer(gateway_client, admin)


def upload(
    api: FlaskClient, headers: dict[str, str], version: str, *, image: bytes = IMAGE, **changes: str
) -> TestResponse:
    signature = signatures.sign(KEY, image, hardware="ESP32_v1", version=version)
    given = {
        "X-Firmware-Version": version,
        "X-SHA256": sha256(image).hexdigest(),
        "X-Firmware-Signature": base64.b64encode(signature).decode(),
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return api.post(
        "/api/firmware/images",
        data=image,
        headers=headers | given,
        content_type="application/octet-stream",
    )


def nodes(fleet: FleetFixture, count: int, *, version: str | None = "1.0.0") -> list[str]:
    """More nodes of the shop, which run a version."""
    names = [f"NODE_{number:03d}" for number in range(count)]
    with unit_of_work() as session:
        for name in names:
            machine = Machine(name=name, shop_id=fleet.shop.id)
            session.add(machine)
            session.flush()
            session.add(Device(device_id=name, machine_id=machine.id, firmware_version=version))
        session.execute(
            update(Device).where(Device.id == fleet.device.id).values(hardware_version="ANOTHER_BOARD")
        )
    return names


def heartbeat(api: FlaskClient, device_id: str, version: str | None = None) -> list[dict[str, Any]]:
    body = {"device_id": device_id} | ({"firmware_version": version} if version else {})
    found: list[dict[str, Any]] = api.post("/api/esp32/heartbeat", json=body).get_json()["commands"]
    return found


def report(api: FlaskClient, device_id: str, state: str, **more: object) -> TestResponse:
    return api.post("/api/esp32/firmware/progress", json={"device_id": device_id, "state": state, **more})


def roll_out(api: FlaskClient, headers: dict[str, str], image_id: int, **changes: object) -> int:
    answer = api.post(
        "/api/firmware/rollouts", json={"image_id": image_id, "percent": 100} | changes, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return int(answer.get_json()["rollout"]["id"])


def states_of(rollout_id: int) -> dict[str, str]:
    with unit_of_work() as session:
        rows = session.execute(
            select(Device.device_id, FirmwareUpdate.state)
            .join(Device, Device.id == FirmwareUpdate.device_id)
            .where(FirmwareUpdate.rollout_id == rollout_id)
        )
        return {row[0]: row[1] for row in rows}


def test_an_image_is_taken_loaded_in_pieces_and_run(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    image = upload(api_client, headers, "1.1.0", X_Firmware_Changelog="Fewer words")
    assert image.status_code == 201, image.text
    name = fleet.device.device_id
    old = api_client.get(f"/api/iot/firmware/versions?device_id={name}", headers=headers).get_json()
    assert [(one["version"], one["file_size"]) for one in old["versions"]] == [("1.1.0", len(IMAGE))]
    assert api_client.get(f"/api/iot/firmware/update/{name}", headers=headers).status_code == 404
    wanted = {"device_id": name, "target_version": "1.1.0"}
    accepted = api_client.post("/api/iot/firmware/update", json=wanted, headers=headers)
    assert accepted.get_json() == {
        "success": True,
        "message": "Update queued",
        "device_id": name,
        "target_version": "1.1.0",
    }
    assert api_client.post("/api/iot/firmware/update", json=wanted, headers=headers).status_code == 409

    [command] = heartbeat(api_client, name, "1.0.0")
    assert command["sha256"] == sha256(IMAGE).hexdigest()
    assert base64.b64decode(command["signature"]) == signatures.sign(
        KEY, IMAGE, hardware="ESP32_v1", version="1.1.0"
    )
    parts = [
        api_client.get(command["firmware_url"], headers={"Range": f"bytes={start}-{start + 4095}"})
        for start in range(0, command["size"], 4096)
    ]
    assert {part.status_code for part in parts} == {206}
    assert b"".join(part.data for part in parts) == IMAGE
    assert report(api_client, name, "installing", progress=80).status_code == 200
    assert report(api_client, name, "downloading", progress=40).get_json()["state"] == "installing"
    heartbeat(api_client, name, "1.1.0")  # it runs the new one: no further word is needed
    done = api_client.get(f"/api/iot/firmware/update/{name}", headers=headers).get_json()["update_status"]
    assert (done["update_status"], done["progress"], done["current_version"]) == ("completed", 100, "1.1.0")
    assert report(api_client, name, "failed").status_code == 409


def test_only_a_node_that_was_told_to_may_load(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    path = f"/api/iot/firmware/download/{number}?device_id={fleet.device.device_id}"
    assert api_client.get(path).status_code == 403


OTHER = Ed25519PrivateKey.generate()


def test_what_the_operator_did_not_sign_is_refused(api_client: FlaskClient, headers: dict[str, str]) -> None:
    by_another = signatures.sign(OTHER, IMAGE, hardware="ESP32_v1", version="2.0.0")
    signature = "X-Firmware-Signature"
    for changes, field in (
        ({"X_SHA256": "0" * 64}, "X-SHA256"),
        ({"X_SHA256": "xyz"}, "X-SHA256"),
        ({"X_Firmware_Signature": "not base64!"}, signature),
        ({"X_Firmware_Signature": "AAAA"}, signature),
        ({"X_Firmware_Signature": base64.b64encode(by_another).decode()}, signature),
        # A true image under another name, or for another board.
        ({"X_Firmware_Version": "9.9.9"}, signature),
        ({"X_Firmware_Hardware": "ESP32_v2"}, signature),
        ({"X_Firmware_Version": "../../etc"}, "X-Firmware-Version"),
    ):
        answer = upload(api_client, headers, "2.0.0", **changes)
        assert answer.status_code == 422, changes
        assert field in [error["field"] for error in answer.get_json()["errors"]], changes
    assert api_client.get("/api/firmware/images", headers=headers).get_json()["images"] == []


def test_no_image_is_taken_that_is_too_large_or_no_image_or_there_already(
    api_client: FlaskClient, headers: dict[str, str]
) -> None:
    too_large = b"\xe9" + bytes(get_settings().firmware_limit_bytes)
    assert upload(api_client, headers, "1.0.0", image=too_large).status_code == 413
    assert upload(api_client, headers, "1.0.0", image=b"#!/bin/sh").status_code == 422
    assert upload(api_client, headers, "1.0.0").status_code == 201
    assert upload(api_client, headers, "1.0.0").status_code == 409


def test_without_a_key_nothing_is_taken(
    api_client: FlaskClient, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "get_settings", get_settings)
    assert upload(api_client, headers, "1.0.0").status_code == 503


def test_only_administrators_bring_firmware(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    theirs = bearer(gateway_client, owner)
    assert upload(api_client, theirs, "1.0.0").status_code == 403
    assert api_client.get("/api/firmware/rollouts", headers=theirs).status_code == 403
    body = {"image_id": 1, "percent": 5}
    assert api_client.post("/api/firmware/rollouts", json=body, headers=theirs).status_code == 403


def test_a_larger_share_holds_the_smaller_one(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    names = nodes(fleet, 60)
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    rollout = roll_out(api_client, headers, number, percent=20)
    rollouts.step_all()
    first = states_of(rollout)
    assert 4 <= len(first) <= 22
    path = f"/api/firmware/rollouts/{rollout}"
    assert api_client.patch(path, json={"percent": 10}, headers=headers).status_code == 409
    assert api_client.patch(path, json={"percent": 60}, headers=headers).status_code == 200
    rollouts.step_all()
    second = states_of(rollout)
    assert first.keys() < second.keys() < set(names)
    assert fleet.device.device_id not in second  # another board


def test_only_the_shops_that_are_named(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str], stranger: Person
) -> None:
    names = nodes(fleet, 5)
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    missing = {"image_id": number, "percent": 100, "shop_ids": [4711]}
    assert api_client.post("/api/firmware/rollouts", json=missing, headers=headers).status_code == 422
    rollout = roll_out(api_client, headers, number, shop_ids=[fleet.shop.id])
    rollouts.step_all()
    assert set(states_of(rollout)) == set(names)
    side_by_side = {"image_id": number, "percent": 1}
    assert api_client.post("/api/firmware/rollouts", json=side_by_side, headers=headers).status_code == 409


def test_a_roll_out_that_fails_takes_itself_back(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    names = nodes(fleet, 8)
    upload(api_client, headers, "1.0.0")
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    rollout = roll_out(api_client, headers, number, failure_share=0.25, failure_minimum=2)
    rollouts.step_all()
    for name in names[:4]:
        heartbeat(api_client, name, "1.1.0")
    report(api_client, names[4], "failed", error="no space")
    rollouts.step_all()
    assert _state(rollout) == "running"  # one of five
    report(api_client, names[5], "failed", error="no space")
    rollouts.step_all()
    assert _state(rollout) == "rolled_back"
    assert states_of(rollout) == {
        **dict.fromkeys(names[:4], "completed"),
        **dict.fromkeys(names[4:6], "failed"),
        **dict.fromkeys(names[6:], "cancelled"),
    }
    told = [one.get("version") for name in names for one in heartbeat(api_client, name)]
    assert told == ["1.0.0"] * 4
    shown = api_client.get(f"/api/firmware/rollouts/{rollout}", headers=headers).get_json()
    assert shown["rollout"]["reason"] == "2 of 6 finished updates failed"
    assert len(shown["devices"]) == 8


def test_a_node_that_falls_silent_while_updating_has_failed(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    [name] = nodes(fleet, 1)
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    rollout = roll_out(api_client, headers, number)
    rollouts.step_all()
    report(api_client, name, "downloading", progress=10)
    rollouts.step_all()
    assert states_of(rollout) == {name: "downloading"}
    with unit_of_work() as session:
        session.execute(update(FirmwareUpdate).values(changed_at=utc_now() - rollouts.STALLED_AFTER))
    rollouts.step_all()
    assert states_of(rollout) == {name: "failed"}


def test_stopped_what_has_not_begun_never_does(
    api_client: FlaskClient, fleet: FleetFixture, headers: dict[str, str]
) -> None:
    names = nodes(fleet, 3)
    number = upload(api_client, headers, "1.1.0").get_json()["image"]["id"]
    rollout = roll_out(api_client, headers, number)
    rollouts.step_all()
    heartbeat(api_client, names[0], "1.1.0")
    path = f"/api/firmware/rollouts/{rollout}/stop"
    assert api_client.post(path, json={"reason": "enough"}, headers=headers).status_code == 200
    assert api_client.post(path, json={}, headers=headers).status_code == 409
    rollouts.step_all()
    assert states_of(rollout) == {names[0]: "completed", names[1]: "cancelled", names[2]: "cancelled"}
    assert heartbeat(api_client, names[1]) == []


def _state(rollout_id: int) -> str:
    with unit_of_work() as session:
        return session.get_one(FirmwareRollout, rollout_id).state
