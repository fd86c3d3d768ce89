"""Invitations: a role for whoever reads the mail of an address, and for nobody else."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from mailbox_of import deliver
from sqlalchemy import select, text
from starlette.testclient import TestClient

from people import PASSWORD, FleetFixture, Person, bearer, make_person
from signalcraft.accounts.models import ShopMember, User
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work

EMAIL = "somin@shop.example"


def invite(client: TestClient, person: Person, shop_id: int, **changes: Any) -> httpx.Response:
    body = {"email": EMAIL, "role": "technician"} | changes
    return client.post(f"/api/members/{shop_id}/invitations", json=body, headers=bearer(client, person))


def token_of(client: TestClient, person: Person, shop_id: int, **changes: Any) -> str:
    answer = invite(client, person, shop_id, **changes)
    assert answer.status_code == 201, answer.text
    (mail,) = deliver()
    return mail.token


def join(client: TestClient, token: str, **changes: Any) -> httpx.Response:
    body = {
        "token": token,
        "username": "somin",
        "password": PASSWORD,
        "privacy_agree": True,
        "terms_agree": True,
    }
    return client.post("/api/auth/register-by-invitation", json=body | changes)


def accept(client: TestClient, person: Person, token: str) -> httpx.Response:
    return client.post("/api/auth/accept-invitation", json={"token": token}, headers=bearer(client, person))


def roles() -> dict[str, str]:
    with unit_of_work() as session:
        rows = session.execute(select(User.username, ShopMember.role).join(ShopMember))
        return {row.username: row.role for row in rows}


@pytest.fixture
def somin(database: None) -> Person:
    """Somebody with an account of the invited address."""
    person = make_person("somin")
    with unit_of_work() as session:
        session.get_one(User, person.principal.user_id).email = EMAIL
    return person


def test_a_new_person_makes_their_account_by_the_invitation(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture
) -> None:
    token = token_of(gateway_client, owner, fleet.shop.id)
    offer = gateway_client.post("/api/auth/invitation", json={"token": token}).json()["offer"]
    assert (offer["shop_name"], offer["role"], offer["has_account"]) == ("Ice & Co", "technician", False)
    assert join(gateway_client, token, role="store_owner").status_code == 422
    answer = join(gateway_client, token)
    assert answer.status_code == 201, answer.text
    assert answer.json()["user"]["email"] == EMAIL
    assert roles()["somin"] == "technician"
    assert join(gateway_client, token, username="second").status_code == 422, "once"
    with unit_of_work() as session:
        somin = session.scalars(select(User).where(User.username == "somin")).one()
    assert (somin.role, somin.email_confirmed_at is not None) == ("user", True)


def test_somebody_with_an_account_signs_in_and_accepts(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, somin: Person
) -> None:
    until = utc_now() + timedelta(days=30)
    token = token_of(gateway_client, owner, fleet.shop.id, email=EMAIL.upper(), member_until=iso(until))
    assert join(gateway_client, token).status_code == 409
    assert accept(gateway_client, somin, token).status_code == 200
    with unit_of_work() as session:
        member = session.scalars(select(ShopMember).where(ShopMember.role == "technician")).one()
    assert (member.user_id, member.expires_at) == (somin.principal.user_id, until)
    assert accept(gateway_client, somin, token).status_code == 422


def test_an_invitation_that_was_passed_on_is_nobody_else_s(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, stranger: Person
) -> None:
    token = token_of(gateway_client, owner, fleet.shop.id)
    assert accept(gateway_client, stranger, token).status_code == 403
    assert join(gateway_client, token).status_code == 201, "the refused attempt used nothing up"


def test_the_last_owner_does_not_become_less_by_an_invitation(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, somin: Person
) -> None:
    with unit_of_work() as session:
        session.get_one(User, owner.principal.user_id).email = "owner@shop.example"
    invited = {"email": "owner@shop.example", "role": "viewer"}
    token = token_of(gateway_client, owner, fleet.shop.id, **invited)
    assert accept(gateway_client, owner, token).status_code == 409
    assert roles()["owner"] == "store_owner"
    accept(gateway_client, somin, token_of(gateway_client, owner, fleet.shop.id, role="store_owner"))
    assert accept(gateway_client, owner, token).status_code == 200, "now there is another one"
    assert roles() == {"owner": "viewer", "somin": "store_owner"}


def test_an_invitation_ends(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, somin: Person
) -> None:
    revoked = token_of(gateway_client, owner, fleet.shop.id)
    (listed,) = _list(gateway_client, owner, fleet.shop.id)
    path = f"/api/members/{fleet.shop.id}/invitations/{listed['id']}"
    assert gateway_client.delete(path, headers=bearer(gateway_client, owner)).status_code == 200
    replaced = token_of(gateway_client, owner, fleet.shop.id)
    late = token_of(gateway_client, owner, fleet.shop.id)
    with unit_of_work() as session:
        session.execute(text("UPDATE invitations SET expires_at = now() WHERE revoked_at IS NULL"))
    answers = [accept(gateway_client, somin, token) for token in (revoked, replaced, late, "x" * 43)]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert "somin" not in roles()


@pytest.mark.parametrize("role", ["store_manager", "technician", "viewer"])
def test_who_may_not_invite(gateway_client: TestClient, fleet: FleetFixture, role: str) -> None:
    person = make_person("member", shops={fleet.shop.id: role})
    assert invite(gateway_client, person, fleet.shop.id).status_code == 403
    assert deliver() == []


def test_another_shop_s_invitations_do_not_exist(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, stranger: Person, admin: Person
) -> None:
    token_of(gateway_client, owner, fleet.shop.id)
    (listed,) = _list(gateway_client, owner, fleet.shop.id)
    headers = bearer(gateway_client, stranger)
    path = f"/api/members/{fleet.shop.id}/invitations"
    missing = gateway_client.get("/api/members/999/invitations", headers=headers)
    assert gateway_client.get(path, headers=headers).json()["detail"] == missing.json()["detail"]
    assert gateway_client.delete(f"{path}/{listed['id']}", headers=headers).status_code == 404
    assert invite(gateway_client, stranger, fleet.shop.id).status_code == 404
    assert invite(gateway_client, admin, 999).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role": "admin"}, "role"),
        ({"email": "somin"}, "email"),
        ({"member_until": "2020-01-01T00:00:00Z"}, "member_until"),
        ({"invited_by": 7}, "invited_by"),
    ],
)
def test_what_nobody_is_invited_to(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture, changes: dict[str, Any], field: str
) -> None:
    answer = invite(gateway_client, owner, fleet.shop.id, **changes)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def _list(client: TestClient, person: Person, shop_id: int) -> list[dict[str, Any]]:
    answer = client.get(f"/api/members/{shop_id}/invitations", headers=bearer(client, person))
    found: list[dict[str, Any]] = answer.json()["invitations"]
    return found
