"""A person gets what is known of them, and can be forgotten without breaking anything that refers to them."""

import json
from typing import Any

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from people import PASSWORD, FleetFixture, Person, bearer, make_person
from signalcraft.accounts.models import User
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.personal_data.holdings import ADDRESSES, HOLDINGS
from signalcraft.tables import Alarm, AlarmTransition, Base, Consent, OutgoingMail

EMAIL = "Min.Ji@example.com"


@pytest.fixture
def person(fleet: FleetFixture) -> Person:
    """An owner who has left traces everywhere."""
    made = make_person("minji", shops={fleet.shop.id: "store_owner"})
    now = utc_now()
    with unit_of_work() as session:
        user = session.get_one(User, made.principal.user_id)
        user.email, user.full_name, user.phone = EMAIL, "Kim Min-ji", "+82-10-0000-0001"
        session.add(Consent(user_id=user.id, kind="terms", given=True, at=now))
        session.add(
            OutgoingMail(
                recipient=EMAIL.lower(),
                template="reset_password",
                language="ko",
                created_at=now,
                claimable_at=now,
            )
        )
        alarm = Alarm(
            machine_id=fleet.machine.id,
            condition="overload",
            severity="critical",
            raised_at=now,
            last_seen_at=now,
            acknowledged_by=user.id,
            count=1,
            summary={},
            advice={},
        )
        session.add(alarm)
        session.flush()
        session.add(
            AlarmTransition(
                alarm_id=alarm.id, at=now, kind="acknowledged", user_id=user.id, severity="critical"
            )
        )
        audit.record(session, "sign_in.failed", user_id=None, detail={"login": EMAIL})
    return made


def traces_of(texts: list[str]) -> list[str]:
    """Every row of every table that holds one of the texts."""
    found = []
    with unit_of_work() as session:
        for table in Base.metadata.sorted_tables:
            rows = session.execute(text(f'SELECT row_to_json(t)::text FROM "{table.name}" t')).scalars()  # noqa: S608
            found += [
                f"{table.name}: {row}" for row in rows if any(part.lower() in row.lower() for part in texts)
            ]
    return found


def test_every_table_that_refers_to_a_person_is_in_the_holdings() -> None:
    referring = {
        (table.name, key.parent.name)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "users"
    }
    held = {
        (holding.table.name, name) for holding in HOLDINGS for name in holding.by if name not in ADDRESSES
    }
    assert referring - held == set()


def test_no_holding_shows_a_secret() -> None:
    shown = {f"{holding.table.name}.{name}" for holding in HOLDINGS for name in holding.shown}
    assert not [name for name in shown if "hash" in name or "secret" in name or name.endswith("token")]


def test_a_person_gets_everything_about_themselves(gateway_client: TestClient, person: Person) -> None:
    headers = bearer(gateway_client, person)
    answer = gateway_client.get("/api/account/export", headers=headers)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    document: dict[str, Any] = answer.json()
    assert document["account"]["email"] == EMAIL
    assert document["shop_members"][0]["role"] == "store_owner"
    assert [row["kind"] for row in document["alarm_transitions"]] == ["acknowledged"]
    assert document["outgoing_mails"][0]["template"] == "reset_password"
    assert "session.opened" in [record["action"] for record in document["audit"]]
    assert "argon2" not in json.dumps(document)


def test_nothing_but_a_number_is_left_of_somebody_who_erases_themselves(
    gateway_client: TestClient, person: Person
) -> None:
    headers = bearer(gateway_client, person)
    refused = gateway_client.post("/api/account/erase", headers=headers, json={"password": "wrong" * 4})
    assert refused.status_code == 401
    answer = gateway_client.post("/api/account/erase", headers=headers, json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert gateway_client.get("/api/auth/verify", headers=headers).status_code == 401
    assert traces_of(["minji", EMAIL, "Kim Min-ji", "0000-0001", "testclient"]) == []
    with unit_of_work() as session:
        user = session.get_one(User, person.principal.user_id)
        assert (user.status, user.erased_at is None) == ("suspended", False)
        assert session.scalars(select(Alarm.acknowledged_by)).all() == [user.id]
    with unit_of_work() as session:
        verdict = audit.verify(session)
    assert verdict.flaw is None
    assert verdict.erased > 0


def test_who_erases_others_and_whom(gateway_client: TestClient, person: Person, admin: Person) -> None:
    boss = make_person("boss", role="super_admin")
    path = f"/api/admin/users/{person.principal.user_id}"
    assert gateway_client.delete(path, headers=bearer(gateway_client, admin)).status_code == 403
    headers = bearer(gateway_client, boss)
    assert gateway_client.get(f"{path}/export", headers=headers).json()["account"]["email"] == EMAIL
    assert gateway_client.delete(path, headers=headers).status_code == 200
    assert gateway_client.delete(path, headers=headers).status_code == 409
    last = f"/api/admin/users/{boss.principal.user_id}"
    assert gateway_client.delete(last, headers=headers).status_code == 409
    answer = gateway_client.patch(path, headers=headers, json={"status": "active"})
    assert answer.status_code == 409
