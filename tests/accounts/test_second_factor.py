"""The second factor: added, asked for, used up, required."""

from datetime import timedelta
from typing import Any

import pytest
from authenticator_app import Phone
from sqlalchemy import select, update
from starlette.testclient import TestClient

from people import PASSWORD, Person, bearer, make_person
from signalcraft.accounts import second_factor
from signalcraft.accounts.encryption import UnreadableSecretError, decrypt
from signalcraft.accounts.models import RecoveryCode, SecondFactor, User
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.runtime_settings import service as runtime_settings
from signalcraft.runtime_settings.registry import RuntimeSettings


def add_phone(client: TestClient, headers: dict[str, str]) -> tuple[Phone, list[str]]:
    """Enrol and confirm; returns the app and the recovery codes."""
    enrolled = client.post("/api/auth/second-factor/enrol", json={"password": PASSWORD}, headers=headers)
    assert enrolled.status_code == 200, enrolled.text
    phone = Phone(enrolled.json()["secret"])
    confirmed = client.post("/api/auth/second-factor/confirm", json={"code": phone.code()}, headers=headers)
    assert confirmed.status_code == 200, confirmed.text
    return phone, confirmed.json()["recovery_codes"]


def first_step(client: TestClient, username: str) -> str:
    login = {"username": username, "password": PASSWORD, "delivery": "body"}
    answer = client.post("/api/auth/login", json=login)
    assert answer.status_code == 202, answer.text
    assert "access_token" not in answer.json()
    ticket: str = answer.json()["ticket"]
    return ticket


def second_step(client: TestClient, ticket: str, code: str) -> Any:
    body = {"ticket": ticket, "code": code, "delivery": "body"}
    return client.post("/api/auth/second-factor", json=body)


def test_somebody_with_an_app_signs_in_in_two_steps(gateway_client: TestClient) -> None:
    person = make_person("kim")
    headers = bearer(gateway_client, person)
    phone, _ = add_phone(gateway_client, headers)
    state = gateway_client.get("/api/auth/second-factor", headers=headers).json()
    assert (state["enrolled"], state["used"], state["recovery_codes_left"]) == (True, True, 10)

    ticket = first_step(gateway_client, "kim")
    assert second_step(gateway_client, ticket, phone.wrong_code()).status_code == 401
    opened = second_step(gateway_client, ticket, phone.code(steps=1))
    assert opened.status_code == 200
    token = {"Authorization": f"Bearer {opened.json()['access_token']}"}
    assert gateway_client.get("/api/auth/verify", headers=token).status_code == 200
    # The ticket itself is no access token.
    assert (
        gateway_client.get("/api/auth/verify", headers={"Authorization": f"Bearer {ticket}"}).status_code
        == 401
    )
    # Nor is an access token a ticket.
    stolen = headers["Authorization"].removeprefix("Bearer ")
    assert second_step(gateway_client, stolen, phone.code(steps=1)).status_code == 401


def test_a_code_counts_once(gateway_client: TestClient) -> None:
    phone, _ = add_phone(gateway_client, bearer(gateway_client, make_person("kim")))
    ticket = first_step(gateway_client, "kim")
    shown = phone.code(steps=1)
    assert second_step(gateway_client, ticket, shown).status_code == 200
    assert second_step(gateway_client, ticket, shown).status_code == 401
    assert second_step(gateway_client, first_step(gateway_client, "kim"), phone.code()).status_code == 401


def test_a_recovery_code_opens_once(gateway_client: TestClient) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    _, codes = add_phone(gateway_client, headers)
    ticket = first_step(gateway_client, "kim")
    assert second_step(gateway_client, ticket, codes[0].lower()).status_code == 200
    assert second_step(gateway_client, ticket, codes[0]).status_code == 401
    address = "/api/auth/second-factor/recovery-codes"
    renewed = gateway_client.post(address, json={"password": PASSWORD}, headers=headers).json()
    assert second_step(gateway_client, ticket, codes[1]).status_code == 401
    assert second_step(gateway_client, ticket, renewed["recovery_codes"][0]).status_code == 200
    with unit_of_work() as session:
        stored = session.scalars(select(RecoveryCode.code_hash)).all()
    assert all(code.encode() not in stored_hash for stored_hash in stored for code in codes)


def test_guessing_ends_and_a_recovery_code_still_opens(gateway_client: TestClient) -> None:
    phone, codes = add_phone(gateway_client, bearer(gateway_client, make_person("kim")))
    person_ticket = first_step(gateway_client, "kim")
    with unit_of_work() as session:
        session.execute(
            update(SecondFactor).values(failures=second_factor.FAILURES_ALLOWED - 1, failing_since=utc_now())
        )
    assert second_step(gateway_client, person_ticket, phone.wrong_code()).status_code == 401
    refused = second_step(gateway_client, person_ticket, phone.code(steps=1))
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert second_step(gateway_client, person_ticket, codes[0]).status_code == 200
    with unit_of_work() as session:
        an_hour_ago = utc_now() - second_factor.FAILURES_KEPT - timedelta(seconds=1)
        session.execute(update(SecondFactor).values(failing_since=an_hour_ago))
    assert second_step(gateway_client, person_ticket, phone.code(steps=1)).status_code == 200


def test_a_ticket_ends_with_the_password_it_was_given_for(gateway_client: TestClient) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    phone, _ = add_phone(gateway_client, headers)
    ticket = first_step(gateway_client, "kim")
    change = {"current_password": PASSWORD, "new_password": "another horse and staple"}
    assert gateway_client.post("/api/auth/change-password", json=change, headers=headers).status_code == 200
    assert second_step(gateway_client, ticket, phone.code(steps=1)).status_code == 401


def test_adding_and_removing_needs_the_password(gateway_client: TestClient) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    for what in ("enrol", "disable", "recovery-codes"):
        answer = gateway_client.post(
            f"/api/auth/second-factor/{what}", json={"password": "wrong"}, headers=headers
        )
        assert answer.status_code == 401, what
    add_phone(gateway_client, headers)
    again = gateway_client.post("/api/auth/second-factor/enrol", json={"password": PASSWORD}, headers=headers)
    assert again.status_code == 409
    removed = gateway_client.post(
        "/api/auth/second-factor/disable", json={"password": PASSWORD}, headers=headers
    )
    assert removed.status_code == 200
    login = {"username": "kim", "password": PASSWORD}
    assert gateway_client.post("/api/auth/login", json=login).status_code == 200


def test_the_secret_is_shown_as_a_picture_and_stored_encrypted(gateway_client: TestClient) -> None:
    person = make_person("kim")
    headers = bearer(gateway_client, person)
    enrolled = gateway_client.post(
        "/api/auth/second-factor/enrol", json={"password": PASSWORD}, headers=headers
    ).json()
    assert enrolled["qr_svg"].startswith("<svg")
    assert enrolled["uri"].startswith("otpauth://totp/SignalCraft:kim?")
    with unit_of_work() as session:
        stored = session.scalars(select(SecondFactor.secret)).one()
    assert enrolled["secret"].encode() not in stored
    assert decrypt(f"second_factor:{person.principal.user_id}", stored) == enrolled["secret"]
    with pytest.raises(UnreadableSecretError):  # copied to another person's row
        decrypt("second_factor:99", stored)


def test_an_administrator_without_the_required_factor_is_nobody_special(
    gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)

    def role() -> str:
        answered: str = gateway_client.get("/api/auth/verify", headers=headers).json()["user"]["role"]
        return answered

    assert role() != "user"
    with unit_of_work() as session:
        wanted = RuntimeSettings(second_factor_required_for_administrators=True)
        runtime_settings.change(session, wanted, user_id=admin.principal.user_id)
    assert role() == "user"
    login = {"username": admin.username, "password": PASSWORD, "delivery": "body"}
    assert gateway_client.post("/api/auth/login", json=login).json()["enrolment_required"] is True

    add_phone(gateway_client, headers)
    assert role() != "user"
    refused = gateway_client.post(
        "/api/auth/second-factor/disable", json={"password": PASSWORD}, headers=headers
    )
    assert refused.status_code == 403
    with unit_of_work() as session:
        session.execute(update(User).values(role="user"))
    assert (
        gateway_client.post(
            "/api/auth/second-factor/disable", json={"password": PASSWORD}, headers=headers
        ).status_code
        == 200
    )
