"""Tokens of programs: never more than their person may, never longer than they should."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text, update
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer, make_fleet, make_person
from signalcraft.accounts.access import Principal
from signalcraft.accounts.api_tokens import authenticate_api_token
from signalcraft.accounts.authentication import authenticate
from signalcraft.accounts.errors import TokenRefusedError
from signalcraft.accounts.models import ApiToken, ShopMember, User
from signalcraft.clock import iso, utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import look, unit_of_work

PATH = "/api/account/tokens"


def make(client: TestClient, person: Person, **changes: Any) -> httpx.Response:
    body = {"name": "Export to the office", "permissions": ["fleet.read", "export.read"]} | changes
    return client.post(PATH, json=body, headers=bearer(client, person))


def secret(client: TestClient, person: Person, **changes: Any) -> str:
    answer = make(client, person, **changes)
    assert answer.status_code == 201, answer.text
    given: str = answer.json()["secret"]
    return given


def who(token: str) -> Principal:
    return look(lambda connection: authenticate(connection, token))


def test_a_program_sees_its_person_s_shops_at_both_doors(
    gateway_client: TestClient, api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    headers = {"Authorization": f"Bearer {secret(gateway_client, owner)}"}
    shops = api_client.get("/api/shops", headers=headers).get_json()["shops"]
    assert [shop["name"] for shop in shops] == [fleet.shop.name]
    change = api_client.patch(f"/api/machines/{fleet.machine.id}", json={"name": "Mine"}, headers=headers)
    assert change.status_code == 403, "its person may, the token was not made for it"
    assert gateway_client.get("/api/auth/sessions", headers=headers).status_code == 403
    assert gateway_client.post(PATH, json={}, headers=headers).status_code == 403, "nor does it make tokens"


def test_the_secret_is_shown_once_and_its_use_is(gateway_client: TestClient, owner: Person) -> None:
    made = secret(gateway_client, owner)
    who(made)
    (listed,) = gateway_client.get(PATH, headers=bearer(gateway_client, owner)).json()["tokens"]
    assert made.startswith(listed["beginning"])
    assert listed["last_used_at"] is not None
    assert made not in str(listed)
    with unit_of_work() as session:
        (row,) = session.scalars(text("SELECT t::text FROM api_tokens t"))
    assert made not in row


def test_a_token_for_some_shops_is_for_no_others(gateway_client: TestClient, admin: Person) -> None:
    here, there = make_fleet("Here", "N-1"), make_fleet("There", "N-2")
    person = make_person("two", shops={here.shop.id: "store_owner", there.shop.id: "viewer"})
    for maker in (person, admin):
        caller = who(secret(gateway_client, maker, shop_ids=[here.shop.id]))
        assert caller.shop_ids == {here.shop.id}
        assert caller.may("export.read", here.shop.id)
        assert not caller.may("fleet.read", there.shop.id)
        assert not caller.may_see(None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"permissions": ["user.manage"]}, "permissions"),
        ({"permissions": ["everything"]}, "permissions.0"),
        ({"permissions": []}, "permissions"),
        ({"shop_ids": [999]}, "shop_ids"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"name": "a\nb"}, "name"),
        ({"user_id": 1}, "user_id"),
    ],
)
def test_what_no_token_can_be_made_for(
    gateway_client: TestClient, owner: Person, changes: dict[str, Any], field: str
) -> None:
    answer = make(gateway_client, owner, **changes)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_token_ends_when_it_should(gateway_client: TestClient, owner: Person) -> None:
    soon = utc_now() + timedelta(hours=1)
    token = secret(gateway_client, owner, expires_at=iso(soon))
    with unit_of_work() as session:
        authenticate_api_token(session, token, soon - timedelta(seconds=1))
        with pytest.raises(TokenRefusedError):
            authenticate_api_token(session, token, soon)


def test_revocation_counts_at_the_next_request(
    gateway_client: TestClient, owner: Person, stranger: Person
) -> None:
    answer = make(gateway_client, owner).json()
    path = f"{PATH}/{answer['token']['id']}"
    assert gateway_client.delete(path, headers=bearer(gateway_client, stranger)).status_code == 404
    who(answer["secret"])
    assert gateway_client.delete(path, headers=bearer(gateway_client, owner)).status_code == 200
    for wrong in (answer["secret"], "sct_", "sct_" + "x" * 43):
        with pytest.raises(TokenRefusedError):
            who(wrong)


def test_rights_of_the_person_are_those_of_the_moment(gateway_client: TestClient, owner: Person) -> None:
    token = secret(gateway_client, owner)
    (shop_id,) = owner.principal.shop_roles
    assert who(token).may("export.read", shop_id)
    with unit_of_work() as session:
        session.execute(update(ShopMember).values(role="viewer"))
    assert not who(token).may("export.read", shop_id)
    with unit_of_work() as session:
        session.execute(update(ShopMember).values(expires_at=utc_now()))
    assert not who(token).may("fleet.read", shop_id)
    with unit_of_work() as session:
        session.execute(update(User).where(User.id == owner.principal.user_id).values(status="suspended"))
    with pytest.raises(TokenRefusedError):
        who(token)


def test_one_statement_lets_a_program_in_and_notes_its_use_once_a_minute(
    gateway_client: TestClient, owner: Person
) -> None:
    token = secret(gateway_client, owner)
    start = utc_now()
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        if "FROM outbox" not in arguments[2]:  # the feed of live events looks when it likes
            seen.append(arguments[2])

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        uses = []
        for seconds in (0, 59, 61):
            with unit_of_work() as session:
                authenticate_api_token(session, token, start + timedelta(seconds=seconds))
                uses.append(session.query(ApiToken).one().last_used_at - start)
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    assert [use.total_seconds() for use in uses] == [0, 0, 61]
    assert len(seen) == 6, "one for each, and one of ours to look"
