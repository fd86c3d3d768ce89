"""Claim codes: a node becomes a machine of the shop that made the code, once, and is told its key."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from people import FleetFixture, Person
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import NotFoundError
from signalcraft.fleet import claims
from signalcraft.fleet.models import ClaimCode, Device, Machine

HOME, ELSEWHERE = "192.0.2.10", "198.51.100.9"


def make(owner: Person, fleet: FleetFixture, name: str = "Freezer 9") -> str:
    with unit_of_work() as session:
        return claims.make_code(session, owner.principal, shop_id=fleet.shop.id, machine_name=name)[1]


def show(client: FlaskClient, code: str, device_id: str = "NODE-9", address: str = HOME) -> TestResponse:
    return client.post(
        "/api/esp32/claim",
        json={"device_id": device_id, "claim_code": code},
        headers={"X-Forwarded-For": address},
    )


def ask(client: FlaskClient, device_id: str, key: str | None = None, address: str = HOME) -> int:
    headers = {"X-Forwarded-For": address} | ({} if key is None else {"X-Device-Key": key})
    return client.get(f"/api/esp32/config?device_id={device_id}", headers=headers).status_code


def test_a_new_node_gets_its_machine_and_its_key(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    answer = show(api_client, make(owner, fleet).lower().replace("-", " "))
    assert answer.status_code == 201, answer.text
    claimed = answer.get_json()
    assert (claimed["device_id"], claimed["machine_name"]) == ("NODE-9", "Freezer 9")
    assert ask(api_client, "NODE-9", claimed["key"]) == 200
    assert ask(api_client, "NODE-9") == 401
    with unit_of_work() as session:
        assert session.get_one(Machine, claimed["machine_id"]).shop_id == fleet.shop.id


def test_a_code_is_good_once_and_for_an_hour(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    used = make(owner, fleet)
    assert show(api_client, used).status_code == 201
    late = make(owner, fleet)
    with unit_of_work() as session:
        session.execute(text("UPDATE claim_codes SET expires_at = now() WHERE used_at IS NULL"))
    withdrawn = make(owner, fleet)
    with unit_of_work() as session:
        newest = session.scalar(text("SELECT max(id) FROM claim_codes"))
        assert newest is not None
        claims.withdraw_code(session, owner.principal, newest)
    answers = [show(api_client, code, "NODE-10") for code in (used, late, withdrawn, "ABCD-EFGH")]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert len({answer.get_json()["detail"] for answer in answers}) == 1, "which of them is nobody's business"
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM devices WHERE device_id = 'NODE-10'")) == 0


def test_what_an_unclaimed_node_has_learned_goes_along(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    assert ask(api_client, "NODE-9") == 200
    with unit_of_work() as session:
        before = session.scalar(text("SELECT machine_id FROM devices WHERE device_id = 'NODE-9'"))
    assert show(api_client, make(owner, fleet)).get_json()["machine_id"] == before


def test_nobody_claims_a_node_that_sends_from_elsewhere(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    assert ask(api_client, "NODE-9", address=ELSEWHERE) == 200
    code = make(owner, fleet)
    assert show(api_client, code).status_code == 409
    assert show(api_client, code, address=ELSEWHERE).status_code == 201, "the refused attempt used nothing up"


def test_nobody_claims_another_shops_node(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture, stranger: Person
) -> None:
    assert show(api_client, make(owner, fleet), "ESP32_MIC_0002").status_code == 409
    with unit_of_work() as session, pytest.raises(NotFoundError):
        claims.make_code(session, stranger.principal, shop_id=fleet.shop.id, machine_name="Theirs")
    with unit_of_work() as session, pytest.raises(NotFoundError):
        claims.list_codes(session, stranger.principal, fleet.shop.id)


def test_a_node_that_has_lost_its_key_gets_another_and_keeps_its_machine(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    first = show(api_client, make(owner, fleet)).get_json()
    again = show(api_client, make(owner, fleet, "Another name")).get_json()
    assert (again["machine_id"], again["machine_name"]) == (first["machine_id"], "Freezer 9")
    assert ask(api_client, "NODE-9", again["key"]) == 200
    assert ask(api_client, "NODE-9", first["key"]) == 401


def test_a_code_takes_no_place_among_the_unclaimed(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    show(api_client, make(owner, fleet))
    with unit_of_work() as session:
        device = session.query(Device).filter_by(device_id="NODE-9").one()
        code = session.query(ClaimCode).one()
    assert (device.claimed_at is not None, device.admission) == (True, "key")
    assert code.device_id == device.id
    assert code.used_at is not None
    assert utc_now() - code.used_at < timedelta(minutes=1)
