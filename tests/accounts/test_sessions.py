"""Sign-in and the chain of refresh tokens."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient
from typer.testing import CliRunner

from people import PASSWORD, FleetFixture, Person, make_person
from signalcraft.accounts import queries, service, tokens
from signalcraft.accounts.errors import SessionEndedError, WrongCredentialsError
from signalcraft.accounts.models import RefreshToken, User
from signalcraft.cli import app
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work


def sign_in(person: Person) -> service.SignedIn:
    with unit_of_work() as session:
        return service.sign_in(session, login=person.username.upper(), password=PASSWORD)


def refresh(token: str) -> service.SignedIn | None:
    with unit_of_work() as session:
        return service.refresh(session, token)


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(admin: Person) -> None:
    for login, password in ((admin.username, "wrong"), ("nobody", PASSWORD)):
        with unit_of_work() as session, pytest.raises(WrongCredentialsError):
            service.sign_in(session, login=login, password=password)


def test_a_suspended_account_cannot_sign_in_and_its_token_ends(admin: Person) -> None:
    signed_in = sign_in(admin)
    with unit_of_work() as session:
        session.execute(update(User).values(status="suspended"))
    with unit_of_work() as session, pytest.raises(WrongCredentialsError):
        service.sign_in(session, login=admin.username, password=PASSWORD)
    with unit_of_work() as session, pytest.raises(SessionEndedError):
        service.authenticate_access_token(session, signed_in.access_token)
    assert refresh(signed_in.refresh_token) is None


def test_a_lost_answer_gets_the_same_successor(admin: Person) -> None:
    first = sign_in(admin).refresh_token
    second, retried = refresh(first), refresh(first)
    assert second is not None
    assert retried is not None
    assert second.refresh_token == retried.refresh_token != first


def test_a_retry_after_the_successor_was_used_is_a_theft(admin: Person) -> None:
    first = sign_in(admin).refresh_token
    second = refresh(first)
    assert second is not None
    third = refresh(second.refresh_token)
    assert third is not None
    assert refresh(first) is None
    assert refresh(third.refresh_token) is None
    with unit_of_work() as session, pytest.raises(SessionEndedError):
        service.authenticate_access_token(session, third.access_token)


def test_a_late_replay_revokes_the_family(admin: Person) -> None:
    first = sign_in(admin).refresh_token
    second = refresh(first)
    assert second is not None
    with unit_of_work() as session:
        long_ago = utc_now() - service.REUSE_GRACE - timedelta(seconds=1)
        session.execute(
            update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(used_at=long_ago)
        )
    assert refresh(first) is None
    assert refresh(second.refresh_token) is None


def test_a_role_counts_from_the_moment_it_changes(admin: Person) -> None:
    signed_in = sign_in(admin)
    with unit_of_work() as session:
        session.execute(update(User).values(role="user"))
    with unit_of_work() as session:
        assert not service.authenticate_access_token(session, signed_in.access_token).is_admin


@pytest.mark.parametrize("forge", [lambda t: t[:-4] + "AAAA", lambda t: "", lambda t: "a.b.c"])
def test_a_forged_token_is_refused(admin: Person, forge: object) -> None:
    token = forge(sign_in(admin).access_token)  # type: ignore[operator]
    with pytest.raises(SessionEndedError):
        tokens.read_access_token(token)


def test_the_first_administrator_is_made_once(database: None) -> None:
    with unit_of_work() as session:
        password = service.ensure_administrator(session)
    assert password is not None
    with unit_of_work() as session:
        assert service.ensure_administrator(session) is None
        assert service.sign_in(session, login="admin", password=password).user.role == "admin"


def test_a_browser_signs_in_with_cookies_and_out_again(gateway_client: TestClient) -> None:
    person = make_person("kim")
    answer = gateway_client.post("/api/auth/login", json={"username": "kim", "password": person.password})
    assert answer.status_code == 200
    assert "access_token" not in {k for k, v in answer.json().items() if v is not None}
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in cookies)
    assert gateway_client.get("/api/auth/verify").json()["user"]["username"] == "kim"
    assert gateway_client.post("/api/auth/refresh").status_code == 200
    assert gateway_client.post("/api/auth/logout").status_code == 200
    assert gateway_client.get("/api/auth/verify").status_code == 401


def test_another_site_cannot_use_the_cookie_to_change_something(gateway_client: TestClient) -> None:
    person = make_person("kim")
    gateway_client.post("/api/auth/login", json={"username": "kim", "password": person.password})
    answer = gateway_client.post("/api/auth/logout", headers={"X-Requested-With": ""})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert gateway_client.get("/api/auth/verify").status_code == 200


def test_the_operator_lets_an_owner_in_and_gives_a_new_password(fleet: FleetFixture) -> None:
    run = CliRunner().invoke
    added = run(app, ["user", "lee", "--shop", str(fleet.shop.id)])
    assert added.exit_code == 0, added.output
    shown = re.search(r"비밀번호  (\S+)", added.output)
    assert shown is not None
    password = shown[1]
    with unit_of_work() as session:
        signed_in = service.sign_in(session, login="lee", password=password)
    with unit_of_work() as session:
        who = service.authenticate_access_token(session, signed_in.access_token)
    assert dict(who.shop_roles) == {fleet.shop.id: "store_owner"}
    assert run(app, ["user", "LEE"]).exit_code == 1
    assert run(app, ["user", "park", "--shop", "99"]).exit_code == 1
    with unit_of_work() as session:
        assert queries.user_by_login(session, "park") is None

    assert run(app, ["user", "lee", "--reset"]).exit_code == 0
    with unit_of_work() as session, pytest.raises(SessionEndedError):
        service.authenticate_access_token(session, signed_in.access_token)
    with unit_of_work() as session, pytest.raises(WrongCredentialsError):
        service.sign_in(session, login="lee", password=password)


def test_a_new_password_ends_the_session_that_is_just_being_refreshed(admin: Person) -> None:
    """Else the successor, not committed yet, would escape the revocation and live on."""

    def reset() -> None:
        with unit_of_work() as session:
            service.reset_password(session, admin.username)

    first = sign_in(admin).refresh_token
    with ThreadPoolExecutor(1) as operator:
        with unit_of_work() as session:
            second = service.refresh(session, first)
            session.flush()
            done = operator.submit(reset)
            sleep(0.5)  # until it waits for us
        done.result(10)
    assert second is not None
    with unit_of_work() as session, pytest.raises(SessionEndedError):
        service.authenticate_access_token(session, second.access_token)
    assert refresh(second.refresh_token) is None
