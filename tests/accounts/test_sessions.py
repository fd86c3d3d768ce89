"""Sign-in and the chain of refresh tokens."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient
from typer.testing import CliRunner

from people import PASSWORD, FleetFixture, Person, bearer, make_person, sign_in
from signalcraft.accounts import queries, service, sessions
from signalcraft.accounts.access import Principal
from signalcraft.accounts.authentication import authenticate
from signalcraft.accounts.errors import SessionEndedError, WrongCredentialsError
from signalcraft.accounts.models import AccountSession, RefreshToken, User
from signalcraft.accounts.places import Place, device_name
from signalcraft.cli import app
from signalcraft.clock import utc_now
from signalcraft.db.session import look, unit_of_work
from signalcraft.mail.models import OutgoingMail
from signalcraft.realtime.models import OutboxEvent

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)


def refresh(token: str) -> sessions.SignedIn | None:
    with unit_of_work() as session:
        return sessions.refresh(session, token, Place("10.0.0.9", "curl/8"), now=utc_now())


def who(token: str) -> Principal:
    return look(lambda connection: authenticate(connection, token))


def is_signed_in(token: str) -> bool:
    try:
        who(token)
    except SessionEndedError:
        return False
    return True


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(admin: Person) -> None:
    for login, password in ((admin.username, "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(WrongCredentialsError):
            sign_in(login, password)


def test_a_suspended_account_cannot_sign_in_and_its_token_ends(admin: Person) -> None:
    signed_in = sign_in(admin.username.upper())
    with unit_of_work() as session:
        session.execute(update(User).values(status="suspended"))
    with pytest.raises(WrongCredentialsError):
        sign_in(admin.username)
    assert not is_signed_in(signed_in.access_token)
    assert refresh(signed_in.refresh_token) is None


def test_a_lost_answer_gets_the_same_successor(admin: Person) -> None:
    first = sign_in(admin.username).refresh_token
    second, retried = refresh(first), refresh(first)
    assert second is not None
    assert retried is not None
    assert second.refresh_token == retried.refresh_token != first


def test_a_retry_after_the_successor_was_used_is_a_theft_and_the_person_is_told(admin: Person) -> None:
    with unit_of_work() as session:
        session.execute(update(User).values(email="root@example.com"))
    first = sign_in(admin.username).refresh_token
    second = refresh(first)
    assert second is not None
    third = refresh(second.refresh_token)
    assert third is not None
    assert refresh(first) is None
    assert refresh(third.refresh_token) is None
    assert not is_signed_in(third.access_token)
    with unit_of_work() as session:
        assert session.scalars(select(OutgoingMail.recipient)).all() == ["root@example.com"]
        [told] = session.scalars(select(OutboxEvent).where(OutboxEvent.type == "session.ended")).all()
    assert told.user_id == admin.principal.user_id
    assert told.payload["reason"] == "replayed"
    assert told.payload["address"] == "10.0.0.9"


def test_a_late_replay_ends_the_session_and_no_other(admin: Person) -> None:
    first, other = sign_in(admin.username).refresh_token, sign_in(admin.username)
    second = refresh(first)
    assert second is not None
    with unit_of_work() as session:
        long_ago = utc_now() - sessions.REUSE_GRACE - timedelta(seconds=1)
        session.execute(
            update(RefreshToken).where(RefreshToken.used_at.is_not(None)).values(used_at=long_ago)
        )
    assert refresh(first) is None
    assert refresh(second.refresh_token) is None
    assert is_signed_in(other.access_token)


def test_a_session_of_the_release_before_goes_on(admin: Person) -> None:
    signed_in = sign_in(admin.username)
    with unit_of_work() as session:
        session.execute(text("DELETE FROM sessions"))
    second = refresh(signed_in.refresh_token)
    assert second is not None
    assert is_signed_in(second.access_token)


def test_a_session_ends_however_often_it_is_used(admin: Person) -> None:
    signed_in = sign_in(admin.username)
    with unit_of_work() as session:
        session.execute(update(AccountSession).values(created_at=utc_now() - timedelta(days=91)))
    assert refresh(signed_in.refresh_token) is None


def test_a_role_counts_from_the_moment_it_changes(admin: Person) -> None:
    token = sign_in(admin.username).access_token
    assert who(token).is_admin
    with unit_of_work() as session:
        session.execute(update(User).values(role="user"))
    assert not who(token).is_admin


def test_the_first_administrator_is_made_once(database: None) -> None:
    with unit_of_work() as session:
        password = service.ensure_administrator(session)
    assert password is not None
    with unit_of_work() as session:
        assert service.ensure_administrator(session) is None
    assert who(sign_in("admin", password).access_token).is_admin


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


def test_the_mobile_app_signs_in_with_a_form_and_asks_who_it_is(gateway_client: TestClient) -> None:
    person = make_person("kim")
    form = {"username": "kim", "password": person.password, "grant_type": "password", "scope": ""}
    answer = gateway_client.post("/api/auth/login", data=form)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert gateway_client.get("/api/auth/me", headers=headers).json()["username"] == "kim"

    assert gateway_client.post("/api/auth/login", data={"username": "kim"}).status_code == 422
    for body in ({"content": b"{"}, {"content": b"\xff\xfe"}, {"json": {"username": "kim"}}):
        refused = gateway_client.post(
            "/api/auth/login",
            **body,  # type: ignore[arg-type]
            headers={"Content-Type": "application/json"},
        )
        assert refused.status_code in {400, 422}, refused.text
    strange = gateway_client.post("/api/auth/login", content=b"x", headers={"Content-Type": "text/plain"})
    assert strange.status_code == 415


def test_another_site_cannot_use_the_cookie_to_change_something(gateway_client: TestClient) -> None:
    person = make_person("kim")
    gateway_client.post("/api/auth/login", json={"username": "kim", "password": person.password})
    for headers in (
        {"X-Requested-With": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = gateway_client.post("/api/auth/logout", headers=headers)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
    assert gateway_client.get("/api/auth/verify").status_code == 200
    ours = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert gateway_client.post("/api/auth/logout", headers=ours).status_code == 200


def test_a_person_sees_their_sessions_and_ends_them(gateway_client: TestClient) -> None:
    person, stranger = make_person("kim"), make_person("lee")
    here = bearer(gateway_client, person)
    login = {"username": "kim", "password": PASSWORD}
    gateway_client.post("/api/auth/login", json=login, headers={"User-Agent": CHROME})
    theirs = bearer(gateway_client, stranger)

    listed = gateway_client.get("/api/auth/sessions", headers=here).json()["sessions"]
    assert {item["device"]: item["current"] for item in listed} == {
        "Chrome, Windows": False,
        "testclient": True,
    }
    [other] = [item["id"] for item in listed if not item["current"]]
    address = f"/api/auth/sessions/{other}"
    assert gateway_client.delete(address, headers=theirs).status_code == 404
    assert gateway_client.get("/api/auth/verify").status_code == 200
    assert gateway_client.delete(address, headers=here).status_code == 200
    assert gateway_client.get("/api/auth/verify").status_code == 401
    assert gateway_client.delete(address, headers=here).status_code == 404

    everywhere = gateway_client.post("/api/auth/logout-everywhere", headers=here)
    assert everywhere.json()["ended"] == 1
    assert gateway_client.get("/api/auth/verify", headers=here).status_code == 401
    assert gateway_client.get("/api/auth/verify", headers=theirs).status_code == 200


def test_a_new_password_ends_the_other_sessions_at_once(gateway_client: TestClient) -> None:
    person = make_person("kim")
    here, elsewhere = bearer(gateway_client, person), bearer(gateway_client, person)

    def change(current: str, new: str) -> int:
        body = {"current_password": current, "new_password": new}
        return gateway_client.post("/api/auth/change-password", json=body, headers=here).status_code

    assert change("wrong", "a long enough sentence") == 401
    for refused in ("short", "12345678", "Password123", "x" * 129, "signalcraft1", "aaaaaaaaaaaa"):
        assert change(PASSWORD, refused) == 422, refused
    assert change(PASSWORD, "안녕하세요 여러분") == 200
    assert gateway_client.get("/api/auth/verify", headers=here).status_code == 200
    assert gateway_client.get("/api/auth/verify", headers=elsewhere).status_code == 401
    with pytest.raises(WrongCredentialsError):
        sign_in("kim")
    assert sign_in("kim", "안녕하세요 여러분").user.id == person.principal.user_id


def test_a_session_s_last_use_is_known_to_the_minute(admin: Person) -> None:
    signed_in = sign_in(admin.username)
    earlier = utc_now() - timedelta(minutes=5)
    with unit_of_work() as session:
        session.execute(update(AccountSession).values(last_used_at=earlier))
    who(signed_in.access_token)
    with unit_of_work() as session:
        opened = session.get_one(AccountSession, signed_in.session_id)
        assert utc_now() - opened.last_used_at < timedelta(minutes=1)


def test_what_nobody_can_use_any_more_is_forgotten(admin: Person) -> None:
    old, new = sign_in(admin.username), sign_in(admin.username)
    with unit_of_work() as session:
        session.execute(
            update(AccountSession)
            .where(AccountSession.id == old.session_id)
            .values(last_used_at=utc_now() - timedelta(days=32))
        )
    with unit_of_work() as session:
        sessions.sweep(session)
    with unit_of_work() as session:
        assert session.scalars(select(AccountSession.id)).all() == [new.session_id]
        assert set(session.scalars(select(RefreshToken.family))) == {new.session_id}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome, Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("python-httpx/0.28.1", "python-httpx"),
        ("", ""),
    ],
)
def test_a_device_has_a_name_that_people_recognise(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name


def test_the_operator_lets_an_owner_in_and_gives_a_new_password(fleet: FleetFixture) -> None:
    run = CliRunner().invoke
    added = run(app, ["user", "lee", "--shop", str(fleet.shop.id)])
    assert added.exit_code == 0, added.output
    shown = re.search(r"비밀번호  (\S+)", added.output)
    assert shown is not None
    password = shown[1]
    signed_in = sign_in("lee", password)
    assert dict(who(signed_in.access_token).shop_roles) == {fleet.shop.id: "store_owner"}
    assert run(app, ["user", "LEE"]).exit_code == 1
    assert run(app, ["user", "park", "--shop", "99"]).exit_code == 1
    with unit_of_work() as session:
        assert queries.user_by_login(session, "park") is None

    assert run(app, ["user", "lee", "--reset"]).exit_code == 0
    assert not is_signed_in(signed_in.access_token)
    with pytest.raises(WrongCredentialsError):
        sign_in("lee", password)


def test_a_new_password_ends_the_session_that_is_just_being_refreshed(admin: Person) -> None:
    """Else the successor, not committed yet, would escape the revocation and live on."""

    def reset() -> None:
        with unit_of_work() as session:
            service.reset_password(session, admin.username)

    first = sign_in(admin.username).refresh_token
    with ThreadPoolExecutor(1) as operator:
        with unit_of_work() as session:
            second = sessions.refresh(session, first, Place("", ""), now=utc_now())
            session.flush()
            done = operator.submit(reset)
            sleep(0.5)  # until it waits for us
        done.result(10)
    assert second is not None
    assert not is_signed_in(second.access_token)
    assert refresh(second.refresh_token) is None


def test_an_id_of_a_session_says_nothing_about_the_next(admin: Person) -> None:
    """Session fixation: whatever a client brings along, a sign-in makes a session of its own."""
    ids = {sign_in(admin.username).session_id for _ in range(3)}
    assert len(ids) == 3
    assert all(UUID(str(one)).version == 4 for one in ids)
