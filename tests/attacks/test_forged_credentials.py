"""Whoever shows what we have not given them, or not for this, is nobody at either door."""

import base64
import json
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer, sign_in
from signalcraft.accounts import tokens
from signalcraft.accounts.credentials import access_cookie, refresh_cookie
from signalcraft.accounts.signing_keys import key_ring
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import keys


def with_header(token: str, **changes: object) -> str:
    """The token with another header before the same content and signature."""
    header, content, signature = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    encoded = base64.urlsafe_b64encode(json.dumps(fields | changes).encode()).rstrip(b"=").decode()
    return f"{encoded}.{content}.{signature}"


def statuses(api_client: FlaskClient, gateway_client: TestClient, credential: str) -> list[int]:
    """What both doors say to it, in the header and in the cookie."""
    header = {"Authorization": f"Bearer {credential}"}
    people, machines = "/api/auth/verify", "/api/shops"
    seen = [gateway_client.get(people, headers=header).status_code]
    seen.append(api_client.get(machines, headers=header).status_code)
    gateway_client.cookies.set(access_cookie(), credential)
    api_client.set_cookie(access_cookie(), credential)
    seen.append(gateway_client.get(people).status_code)
    seen.append(api_client.get(machines).status_code)
    gateway_client.cookies.clear()
    api_client.delete_cookie(access_cookie())
    return seen


def test_what_we_have_not_given_for_this_opens_neither_door(
    api_client: FlaskClient, gateway_client: TestClient, owner: Person, fleet: FleetFixture
) -> None:
    signed_in = sign_in(owner.username)
    good = signed_in.access_token
    claims = jwt.decode(good, options={"verify_signature": False})
    key = key_ring().signing()
    header = {"kid": key.key_id}
    user_id = owner.principal.user_id
    now = utc_now()
    with unit_of_work() as session:
        _, device_key = keys.issue_key(session, owner.principal, fleet.device.device_id)

    def signed(**changes: object) -> str:
        return jwt.encode(claims | changes, key.private, algorithm="EdDSA", headers=header)

    shown = {
        "unsigned": with_header(good, alg="none").rpartition(".")[0] + ".",
        "unsigned, in capitals": with_header(good, alg="NONE").rpartition(".")[0] + ".",
        "another algorithm": with_header(good, alg="HS256"),
        "another's key": jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header),
        "a key brought along": with_header(
            good, jwk={"kty": "OKP"}, jku="https://evil.example/keys", kid="x"
        ),
        "expired": tokens.issue_access_token(
            tokens.AccessClaims(user_id, UUID(hex=claims["sid"])), now - timedelta(hours=1)
        ),
        "another audience": signed(aud="signalcraft-second-factor"),
        "another's session": signed(sub=str(user_id + 1)),
        "a session that never was": signed(sid=uuid4().hex),
        "the ticket of a second factor": tokens.issue_ticket(tokens.Ticket(user_id, "0" * 16), now),
        "a refresh token": signed_in.refresh_token,
        "a node's key": device_key,
        "a guessed API token": f"sct_{'A' * 43}",
    }
    for what, credential in shown.items():
        assert statuses(api_client, gateway_client, credential) == [401] * 4, what
    assert statuses(api_client, gateway_client, good) == [200] * 4


def test_a_person_s_token_is_no_key_of_a_node(
    api_client: FlaskClient, owner: Person, fleet: FleetFixture
) -> None:
    with unit_of_work() as session:
        _, device_key = keys.issue_key(session, owner.principal, fleet.device.device_id)
    name = fleet.device.device_id
    for credential, status in ((device_key, 200), (sign_in(owner.username).access_token, 401)):
        answer = api_client.get(
            f"/api/esp32/config?device_id={name}", headers={"Authorization": f"Bearer {credential}"}
        )
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("planted", ["of the attacker", "invented"])
def test_signing_in_takes_up_no_session_that_was_there_before(
    gateway_client: TestClient, owner: Person, stranger: Person, planted: str
) -> None:
    theirs = sign_in(stranger.username)
    access, refresh = (
        (theirs.access_token, theirs.refresh_token) if planted == "of the attacker" else ("x", "y")
    )
    gateway_client.cookies.set(access_cookie(), access, path="/")
    gateway_client.cookies.set(refresh_cookie(), refresh, path="/api/auth")
    answer = gateway_client.post(
        "/api/auth/login", json={"username": owner.username, "password": owner.password}
    )
    assert answer.status_code == 200
    kept = {
        access_cookie(): answer.cookies[access_cookie()],
        refresh_cookie(): answer.cookies[refresh_cookie()],
    }
    assert not {access, refresh} & set(kept.values())
    ids = [
        jwt.decode(token, options={"verify_signature": False})["sid"]
        for token in (kept[access_cookie()], bearer(gateway_client, owner)["Authorization"][7:])
    ]
    assert len(set(ids)) == 2, "each sign-in is a session of its own"
    gateway_client.cookies.clear()
    whose = gateway_client.get("/api/auth/verify", headers={"Authorization": f"Bearer {access}"})
    assert whose.status_code == 401 or whose.json()["user"]["username"] == stranger.username
