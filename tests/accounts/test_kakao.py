"""Sign-in with Kakao against an OpenID provider that runs in the test."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authenticator_app import Phone
from joserfc.jwk import OctKey, RSAKey
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from people import PASSWORD, bearer, make_person
from signalcraft.accounts import openid
from signalcraft.accounts.models import ExternalIdentity, User
from signalcraft.db.session import unit_of_work
from signalcraft.settings import get_settings


@pytest.fixture
def provider(change_settings: Callable[..., None]) -> Iterator[Provider]:
    with running_provider() as running:
        change_settings(
            SIGNALCRAFT_KAKAO_CLIENT_ID=CLIENT_ID,
            SIGNALCRAFT_KAKAO_CLIENT_SECRET=CLIENT_SECRET,
            SIGNALCRAFT_KAKAO_ISSUER=running.issuer,
        )
        yield running


def come_back(client: TestClient, code: str, state: str) -> Any:
    return client.get("/api/kakao/callback", params={"code": code, "state": state}, follow_redirects=False)


def link(client: TestClient, provider: Provider, headers: dict[str, str], subject: str) -> Any:
    begun = client.post("/api/kakao/link", json={"password": PASSWORD}, headers=headers)
    assert begun.status_code == 200, begun.text
    return come_back(client, *provider.authorize(begun.json()["login_url"], subject))


def enter(client: TestClient, provider: Provider, subject: str) -> Any:
    begun = client.get("/api/kakao/login")
    assert begun.status_code == 200, begun.text
    return come_back(client, *provider.authorize(begun.json()["login_url"], subject))


def test_somebody_links_kakao_signs_in_with_it_and_unlinks(
    gateway_client: TestClient, provider: Provider
) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    assert (
        gateway_client.post("/api/kakao/link", json={"password": "wrong"}, headers=headers).status_code == 401
    )
    assert link(gateway_client, provider, headers, "1234").headers["Location"] == "/?kakao=linked"
    assert gateway_client.get("/api/kakao/user", headers=headers).json()["linked"] is True

    gateway_client.cookies.clear()
    entered = enter(gateway_client, provider, "1234")
    assert (entered.status_code, entered.headers["Location"]) == (302, "/")
    assert gateway_client.get("/api/auth/verify").json()["user"]["username"] == "kim"
    kept = {"Authorization": f"Bearer {gateway_client.cookies['sc_access']}"}
    assert gateway_client.post("/api/kakao/logout").status_code == 200
    assert gateway_client.get("/api/auth/verify").status_code == 401
    assert gateway_client.get("/api/auth/verify", headers=kept).status_code == 401

    assert gateway_client.post("/api/kakao/unlink", headers=headers).status_code == 200
    assert enter(gateway_client, provider, "1234").headers["Location"] == "/sign-in?kakao=unlinked"


def test_the_same_email_neither_opens_nor_makes_an_account(
    gateway_client: TestClient, provider: Provider
) -> None:
    make_person("kim")
    with unit_of_work() as session:
        session.execute(text("UPDATE users SET email = 'kim@example.com'"))
    answer = enter(gateway_client, provider, "an unknown subject")
    assert answer.headers["Location"] == "/sign-in?kakao=unlinked"
    assert gateway_client.get("/api/auth/verify").status_code == 401
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_an_identity_belongs_to_one_account(gateway_client: TestClient, provider: Provider) -> None:
    kim, lee = (bearer(gateway_client, make_person(name)) for name in ("kim", "lee"))
    assert link(gateway_client, provider, kim, "1234").status_code == 302
    assert link(gateway_client, provider, lee, "1234").status_code == 409
    assert link(gateway_client, provider, kim, "5678").status_code == 409
    with unit_of_work() as session:
        assert session.scalars(select(ExternalIdentity.subject)).all() == ["1234"]


def test_a_link_that_outlives_its_session_is_refused(gateway_client: TestClient, provider: Provider) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    begun = gateway_client.post("/api/kakao/link", json={"password": PASSWORD}, headers=headers).json()
    gateway_client.post("/api/auth/logout-everywhere", headers=headers)
    assert come_back(gateway_client, *provider.authorize(begun["login_url"], "1234")).status_code == 401


def test_an_answer_to_another_browser_s_question_is_refused(
    gateway_client: TestClient, provider: Provider
) -> None:
    link(gateway_client, provider, bearer(gateway_client, make_person("kim")), "1234")
    code, state = provider.authorize(gateway_client.get("/api/kakao/login").json()["login_url"], "1234")
    for wrong in (f"{state}x", "", "상태"):
        assert come_back(gateway_client, code, wrong).status_code in {401, 422}
    kept = gateway_client.cookies.get("sc_kakao")
    gateway_client.cookies.clear()
    assert come_back(gateway_client, code, state).status_code == 401
    gateway_client.cookies.set("sc_kakao", "x" + str(kept), path="/api/kakao")
    assert come_back(gateway_client, code, state).status_code == 401
    assert gateway_client.get("/api/auth/verify").status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"aud": "another-app"}},
        {"claims": {"iss": "https://elsewhere.example"}},
        {"claims": {"exp": 1_700_000_000}},
        {"signer": RSAKey.generate_key(2048, {"kid": "k1"})},
        {"signer": OctKey.import_key(b"k" * 32), "algorithm": "HS256"},
    ],
)
def test_an_id_token_that_is_not_good_is_refused(
    gateway_client: TestClient, provider: Provider, lie: dict[str, Any]
) -> None:
    link(gateway_client, provider, bearer(gateway_client, make_person("kim")), "1234")
    for name, value in lie.items():
        setattr(provider, name, value)
    assert enter(gateway_client, provider, "1234").status_code == 401
    assert gateway_client.get("/api/auth/verify").status_code == 401


def test_a_new_key_of_the_provider_is_fetched(gateway_client: TestClient, provider: Provider) -> None:
    link(gateway_client, provider, bearer(gateway_client, make_person("kim")), "1234")
    provider.key, provider.key_id = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"}), "k2"
    assert enter(gateway_client, provider, "1234").headers["Location"] == "/"


def test_the_question_carries_state_nonce_and_a_challenge_of_its_own(
    gateway_client: TestClient, provider: Provider
) -> None:
    asked = [
        parse_qs(urlsplit(gateway_client.get("/api/kakao/login").json()["login_url"]).query) for _ in range(2)
    ]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    assert asked[0]["redirect_uri"] == [f"{get_settings().public_origin}/api/kakao/callback"]
    cookie = gateway_client.get("/api/kakao/login").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert asked[0]["nonce"][0] not in cookie


def test_our_second_factor_counts_for_kakao_too(gateway_client: TestClient, provider: Provider) -> None:
    headers = bearer(gateway_client, make_person("kim"))
    link(gateway_client, provider, headers, "1234")
    enrolled = gateway_client.post(
        "/api/auth/second-factor/enrol", json={"password": PASSWORD}, headers=headers
    ).json()
    phone = Phone(enrolled["secret"])
    confirm = {"code": phone.code()}
    assert (
        gateway_client.post("/api/auth/second-factor/confirm", json=confirm, headers=headers).status_code
        == 200
    )
    gateway_client.cookies.clear()
    assert enter(gateway_client, provider, "1234").headers["Location"] == "/sign-in?second_factor=1"
    assert gateway_client.get("/api/auth/verify").status_code == 401
    # The ticket came as a cookie: the page has to send the code alone.
    second = gateway_client.post("/api/auth/second-factor", json={"code": phone.code(steps=1)})
    assert second.status_code == 200
    assert gateway_client.get("/api/auth/verify").status_code == 200


def test_cancelling_there_leads_back_and_a_provider_that_is_away_is_said(
    gateway_client: TestClient, provider: Provider, change_settings: Callable[..., None]
) -> None:
    cancelled = gateway_client.get(
        "/api/kakao/callback", params={"error": "access_denied"}, follow_redirects=False
    )
    assert cancelled.headers["Location"] == "/sign-in?kakao=cancelled"
    change_settings(SIGNALCRAFT_KAKAO_ISSUER="http://127.0.0.1:9")
    away = gateway_client.get("/api/kakao/login")
    assert away.status_code == 503
    assert "Retry-After" in away.headers
    change_settings(SIGNALCRAFT_KAKAO_CLIENT_ID="")
    assert gateway_client.get("/api/kakao/login").status_code == 404


def test_an_attempt_is_over_after_ten_minutes(
    gateway_client: TestClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, state = provider.authorize(gateway_client.get("/api/kakao/login").json()["login_url"], "1234")
    monkeypatch.setattr(openid, "ATTEMPT_SECONDS", -1)
    assert come_back(gateway_client, code, state).status_code == 401
