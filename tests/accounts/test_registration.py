"""Accounts that people make themselves: by way of their mailbox, without rights, telling nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from mailbox_of import deliver
from sqlalchemy import event, select, text, update
from starlette.testclient import TestClient

from people import PASSWORD, Person, bearer
from signalcraft.accounts.models import Consent, OneTimeToken, User
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.runtime_settings import service as runtime_settings
from signalcraft.runtime_settings.registry import RuntimeSettings

EMAIL = "minji@shop.example"
NEW_PASSWORD = "eleven green ladders"


def register(client: TestClient, **changes: Any) -> httpx.Response:
    body = {
        "username": "minji",
        "email": EMAIL,
        "password": PASSWORD,
        "privacy_agree": True,
        "terms_agree": True,
    }
    return client.post("/api/auth/register", json=body | changes)


def confirm(client: TestClient, token: str, **changes: str) -> httpx.Response:
    return client.post("/api/auth/confirm-email", json={"token": token, **changes})


def sign_in(client: TestClient, login: str, password: str = PASSWORD) -> int:
    body = {"username": login, "password": password, "delivery": "body"}
    return client.post("/api/auth/login", json=body).status_code


def user(name: str = "minji") -> User | None:
    with unit_of_work() as session:
        return session.scalar(select(User).where(User.username == name))


@pytest.fixture
def minji(gateway_client: TestClient) -> User:
    """Somebody who has registered and opened the link."""
    register(gateway_client)
    (mail,) = deliver()
    assert confirm(gateway_client, mail.token).status_code == 200
    made = user()
    assert made is not None
    return made


def test_an_account_exists_once_its_mailbox_has_answered(gateway_client: TestClient) -> None:
    asked = register(gateway_client, company="Ice & Co", purpose=["noise", "energy"], marketing_agree=True)
    assert asked.status_code == 202
    assert user() is None
    assert sign_in(gateway_client, "minji") == 401
    (mail,) = deliver()
    assert mail.to == EMAIL
    answer = confirm(gateway_client, mail.token)
    assert answer.status_code == 200, answer.text
    made = user()
    assert made is not None
    assert (made.role, made.status, made.email) == ("user", "active", EMAIL)
    assert made.details == {"company": "Ice & Co", "purpose": ["noise", "energy"]}
    with unit_of_work() as session:
        consents = {consent.kind: consent.given for consent in session.scalars(select(Consent))}
    assert consents == {"terms": True, "privacy": True, "marketing": True}
    assert sign_in(gateway_client, EMAIL) == 200
    assert confirm(gateway_client, mail.token).status_code == 422, "a link opens once"


def test_registration_can_be_closed(gateway_client: TestClient, admin: Person) -> None:
    with unit_of_work() as session:
        closed = RuntimeSettings(registration_open=False)
        runtime_settings.change(session, closed, user_id=admin.principal.user_id)
    assert register(gateway_client).status_code == 403
    assert deliver() == []


def test_a_new_account_sees_nothing(gateway_client: TestClient, minji: User, owner: Person) -> None:
    headers = bearer(gateway_client, Person("minji", PASSWORD, owner.principal))
    assert gateway_client.get("/api/alarms", headers=headers).json()["alarms"] == []
    verified = gateway_client.get("/api/auth/verify", headers=headers).json()
    assert verified["user"]["role"] == "user"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "admin"}, "role"),
        ({"role": "super_admin"}, "role"),
        ({"status": "active"}, "status"),
        ({"is_admin": True}, "is_admin"),
        ({"shop_roles": {"1": "store_owner"}}, "shop_roles"),
        ({"email_confirmed_at": "2026-01-01T00:00:00Z"}, "email_confirmed_at"),
        ({"privacy_agree": False}, "privacy_agree"),
        ({"terms_agree": None}, "terms_agree"),
        ({"password": "short"}, "password"),
        ({"password": "password1"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example\nBcc: c@d.example"}, "email"),
        ({"username": "admin@shop.example"}, "username"),
        ({"username": "x\u202ey"}, "username"),
        ({"full_name": "a\r\nb"}, "full_name"),
    ],
)
def test_what_nobody_may_register_with(
    gateway_client: TestClient, change: dict[str, Any], field: str
) -> None:
    answer = register(gateway_client, **change)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert deliver() == []


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        if "FROM outbox" not in arguments[2]:  # the feed of live events looks when it likes
            seen.append(arguments[2])

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


def test_the_answer_is_the_same_work_whether_or_not_there_is_an_account(
    gateway_client: TestClient, minji: User
) -> None:
    """Not measured but seen: the same statements, none of which asks for accounts; and the same answer."""
    done = []
    for path, body in (
        ("register", {"username": "minji", "email": EMAIL}),
        ("register", {"username": "somin", "email": "somin@shop.example"}),
        ("forgot-password", {"email": EMAIL}),
        ("forgot-password", {"email": "nobody@shop.example"}),
    ):
        consent = {"password": PASSWORD, "privacy_agree": True, "terms_agree": True}
        with statements() as seen:
            answer = gateway_client.post(
                f"/api/auth/{path}", json=body | (consent if path == "register" else {})
            )
        assert not [line for line in seen if "users" in line]
        done.append((answer.status_code, answer.text, seen))
    assert done[0] == done[1]
    assert done[2] == done[3]
    assert {mail.to: mail.subject for mail in deliver()} == {
        EMAIL: "비밀번호 다시 정하기",
        "somin@shop.example": "이메일 주소를 확인해 주세요",
    }


def test_who_has_an_account_is_told_by_mail_only(gateway_client: TestClient, minji: User) -> None:
    assert register(gateway_client, username="another", email=EMAIL.upper()).status_code == 202
    (mail,) = deliver()
    assert (mail.to, mail.subject) == (EMAIL.upper(), "이미 SignalCraft 계정이 있습니다")
    assert user("another") is None


def test_a_user_name_that_is_taken_by_then_can_be_replaced(gateway_client: TestClient, minji: User) -> None:
    register(gateway_client, username="MINJI", email="other@shop.example")
    (mail,) = deliver()
    taken = confirm(gateway_client, mail.token)
    assert taken.status_code == 409
    assert taken.json()["errors"][0]["field"] == "username"
    assert confirm(gateway_client, mail.token, username="minji-2").status_code == 200
    assert sign_in(gateway_client, "minji-2") == 200


def test_a_stranger_cannot_wait_in_somebody_s_account(gateway_client: TestClient) -> None:
    """Two registrations of one address: the mailbox decides which of them becomes the account."""
    register(gateway_client, username="stranger", password="a stranger's own secret")
    register(gateway_client)
    stranger, mine = deliver()
    assert confirm(gateway_client, mine.token).status_code == 200
    assert confirm(gateway_client, stranger.token).status_code == 409
    assert sign_in(gateway_client, EMAIL, "a stranger's own secret") == 401
    assert sign_in(gateway_client, EMAIL) == 200


def test_a_forgotten_password_is_replaced_by_mail(gateway_client: TestClient, minji: User) -> None:
    headers = bearer(gateway_client, Person("minji", PASSWORD, None))  # type: ignore[arg-type]
    for _ in range(2):
        gateway_client.post("/api/auth/forgot-password", json={"email": EMAIL})
    first, second = deliver()

    def reset(token: str, password: str = NEW_PASSWORD) -> int:
        body = {"token": token, "password": password}
        return gateway_client.post("/api/auth/reset-password", json=body).status_code

    assert reset(second.token, "short") == 422
    assert reset(second.token) == 200, "a refused password does not use the link up"
    assert reset(second.token) == 422
    assert reset(first.token) == 422, "nor is an older link good any more"
    assert sign_in(gateway_client, "minji") == 401
    assert sign_in(gateway_client, "minji", NEW_PASSWORD) == 200
    assert gateway_client.get("/api/auth/verify", headers=headers).status_code == 401
    assert [mail.subject for mail in deliver()] == ["비밀번호가 변경되었습니다"]


def test_links_end(gateway_client: TestClient, minji: User) -> None:
    gateway_client.post("/api/auth/forgot-password", json={"email": EMAIL})
    register(gateway_client, username="somin", email="somin@shop.example")
    reset, registered = deliver()
    with unit_of_work() as session:
        lifetimes = dict(
            session.execute(
                select(OneTimeToken.purpose, OneTimeToken.expires_at - OneTimeToken.created_at)
            ).all()
        )
        session.execute(update(OneTimeToken).values(expires_at=text("now()")))
    assert {purpose: span.total_seconds() for purpose, span in lifetimes.items()} == {
        "register": 86_400,
        "reset_password": 1_800,
    }
    body = {"token": reset.token, "password": NEW_PASSWORD}
    assert gateway_client.post("/api/auth/reset-password", json=body).status_code == 422
    assert confirm(gateway_client, registered.token).status_code == 422
    assert confirm(gateway_client, reset.token).status_code == 422, "a link is for one purpose"


def test_no_suspended_account_is_recovered(gateway_client: TestClient, minji: User) -> None:
    gateway_client.post("/api/auth/forgot-password", json={"email": EMAIL})
    (mail,) = deliver()
    with unit_of_work() as session:
        session.execute(update(User).values(status="suspended"))
    body = {"token": mail.token, "password": NEW_PASSWORD}
    assert gateway_client.post("/api/auth/reset-password", json=body).status_code == 422
    gateway_client.post("/api/auth/forgot-password", json={"email": EMAIL})
    assert deliver() == []


def test_an_address_is_changed_by_its_new_mailbox(gateway_client: TestClient, minji: User) -> None:
    headers = bearer(gateway_client, Person("minji", PASSWORD, None))  # type: ignore[arg-type]

    def change(email: str, password: str = PASSWORD) -> int:
        body = {"email": email, "password": password}
        return gateway_client.post("/api/auth/change-email", json=body, headers=headers).status_code

    assert change("new@shop.example", "wrong") == 401
    assert change("new@shop.example") == 202
    (mail,) = deliver()
    assert mail.to == "new@shop.example"
    assert sign_in(gateway_client, EMAIL) == 200, "nothing changes before the link is opened"
    assert confirm(gateway_client, mail.token).json()["user"]["email"] == "new@shop.example"
    assert [(told.to, told.subject) for told in deliver()] == [(EMAIL, "이메일 주소가 변경되었습니다")]
    assert sign_in(gateway_client, EMAIL) == 401
    assert sign_in(gateway_client, "new@shop.example") == 200


def test_nobody_takes_an_address_that_is_in_use(
    gateway_client: TestClient, minji: User, owner: Person
) -> None:
    headers = bearer(gateway_client, owner)
    body = {"email": EMAIL, "password": PASSWORD}
    assert gateway_client.post("/api/auth/change-email", json=body, headers=headers).status_code == 202
    assert [(told.to, told.subject) for told in deliver()] == [(EMAIL, "이 주소에는 이미 계정이 있습니다")]


def test_secrets_are_stored_as_hashes_and_forgotten(gateway_client: TestClient, minji: User) -> None:
    gateway_client.post("/api/auth/forgot-password", json={"email": EMAIL})
    (mail,) = deliver()
    with unit_of_work() as session:
        tables = [
            session.scalars(text(f"SELECT t::text FROM {table} t")).all()  # noqa: S608
            for table in ("account_requests", "one_time_tokens", "outgoing_mails", "users")
        ]
    stored = str(tables)
    assert mail.token not in stored
    assert PASSWORD not in stored
    assert "password_hash" not in stored, "a used registration keeps nothing"
