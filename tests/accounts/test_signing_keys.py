"""Access tokens and the keys that sign them: one at a time, the ones before for a while."""

import base64
import hmac
import json
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient
from typer.testing import CliRunner

from people import Person, bearer, sign_in
from signalcraft.accounts import signing_keys, tokens
from signalcraft.accounts.errors import SessionEndedError
from signalcraft.accounts.signing_keys import LEEWAY, KeyRing, key_ring
from signalcraft.cli import app
from signalcraft.clock import utc_now
from signalcraft.settings import Settings, get_settings

LIFETIME = timedelta(seconds=900)


@pytest.fixture
def keys_folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of keys of its own for this process, and for the commands that it runs."""
    folder = tmp_path / "keys"
    ring = KeyRing(signing_keys._first_key(), folder)
    monkeypatch.setattr(tokens, "key_ring", lambda: ring)
    monkeypatch.setattr("signalcraft.cli.keys.key_ring", lambda: ring)
    monkeypatch.setattr("signalcraft.gateway.routes.sessions.key_ring", lambda: ring)
    return folder


def token(now: datetime) -> str:
    return tokens.issue_access_token(tokens.AccessClaims(7, uuid4()), now)


def kid(issued: str) -> str:
    found: str = jwt.get_unverified_header(issued)["kid"]
    return found


def test_a_new_key_signs_and_the_one_before_verifies_until_its_tokens_are_over(keys_folder: Path) -> None:
    now = utc_now()
    before = token(now)
    tokens._verified.cache_clear()
    rotated = CliRunner().invoke(app, ["keys", "rotate"])
    assert rotated.exit_code == 0, rotated.output
    after = token(now)
    assert kid(before) != kid(after)
    assert kid(after) in rotated.output
    assert tokens.read_access_token(before, now).user_id == 7
    assert tokens.read_access_token(after, now).user_id == 7

    # Somebody who has stolen the old key cannot make tokens that live longer.
    tokens._verified.cache_clear()
    long = jwt.decode(before, options={"verify_signature": False}) | {"exp": now + timedelta(days=1)}
    forged = jwt.encode(long, signing_keys._first_key(), algorithm="EdDSA", headers={"kid": kid(before)})
    assert tokens.read_access_token(forged, now).user_id == 7
    with pytest.raises(SessionEndedError):
        tokens.read_access_token(forged, utc_now() + LIFETIME + 2 * LEEWAY)


def test_another_process_takes_the_new_key_up_by_itself(keys_folder: Path) -> None:
    other = KeyRing(signing_keys._first_key(), keys_folder)
    first = other.signing().key_id
    made = KeyRing(signing_keys._first_key(), keys_folder).rotate(utc_now())
    assert made.key_id != first
    assert other.signing().key_id == made.key_id
    again = KeyRing(signing_keys._first_key(), keys_folder).rotate(utc_now())
    assert [key.key_id for key in other.published(utc_now())] == [first, made.key_id, again.key_id]
    assert {file.stat().st_mode & 0o777 for file in keys_folder.iterdir()} == {0o600}


def test_keys_that_verify_nothing_are_neither_published_nor_kept(keys_folder: Path) -> None:
    ring = KeyRing(signing_keys._first_key(), keys_folder)
    an_hour_ago = utc_now() - timedelta(hours=1)
    ring.rotate(an_hour_ago - timedelta(hours=1))
    newer = ring.rotate(an_hour_ago)
    assert [key.key_id for key in ring.published(utc_now())] == [newer.key_id]
    newest = ring.rotate(utc_now())
    assert [key.key_id for key in ring.published(utc_now())] == [newer.key_id, newest.key_id]
    assert len(list(keys_folder.iterdir())) == 2


def test_nobody_is_signed_out_by_a_new_key(
    gateway_client: TestClient, admin: Person, keys_folder: Path
) -> None:
    headers = bearer(gateway_client, admin)
    body = {"refresh_token": sign_in(admin.username).refresh_token}
    assert CliRunner().invoke(app, ["keys", "rotate"]).exit_code == 0
    assert gateway_client.get("/api/auth/verify", headers=headers).status_code == 200
    assert gateway_client.post("/api/auth/refresh", json=body).status_code == 200


def test_the_published_keys_verify_our_tokens(
    gateway_client: TestClient, admin: Person, keys_folder: Path
) -> None:
    CliRunner().invoke(app, ["keys", "rotate"])
    issued = bearer(gateway_client, admin)["Authorization"].removeprefix("Bearer ")
    published = gateway_client.get("/.well-known/jwks.json").json()["keys"]
    [key] = [key for key in published if key["kid"] == kid(issued)]
    public = jwt.PyJWK(key)
    assert isinstance(public.key, Ed25519PublicKey)
    claims = jwt.decode(issued, public, algorithms=["EdDSA"], audience="signalcraft-api")
    assert claims["sub"] == str(admin.principal.user_id)
    assert not {"d", "k"} & set(key)


def _encoded(header: dict[str, object], payload: dict[str, object]) -> str:
    parts = (json.dumps(part).encode() for part in (header, payload))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _unsigned(payload: dict[str, object], **header: object) -> str:
    return _encoded({"alg": "none", "typ": "JWT"} | header, payload) + "."


def _confused(payload: dict[str, object], **header: object) -> str:
    """Signed with our public key, taken for the secret of another algorithm."""
    content = _encoded({"alg": "HS256", "typ": "JWT"} | header, payload)
    public = key_ring().signing().public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = base64.urlsafe_b64encode(hmac.digest(public, content.encode(), "sha256")).rstrip(b"=")
    return f"{content}.{signature.decode()}"


def test_what_is_not_our_token_is_refused(settings: Settings) -> None:
    now = utc_now()
    good = token(now)
    ring = key_ring()
    claims = jwt.decode(good, options={"verify_signature": False})
    stranger, ours = Ed25519PrivateKey.generate(), ring.signing().private
    header = {"kid": kid(good)}

    def signed(changes: dict[str, object], **options: object) -> str:
        return jwt.encode(claims | changes, ours, algorithm="EdDSA", headers=header | options)

    assert tokens.read_access_token(signed({}), now).user_id == 7
    without_sid = {name: value for name, value in claims.items() if name != "sid"}
    for forged in (
        good[:-4] + "AAAA",
        "",
        "a.b.c",
        _unsigned(claims),
        _unsigned(claims, **header),
        jwt.encode(claims, stranger, algorithm="EdDSA", headers=header),
        jwt.encode(claims, ours, algorithm="EdDSA"),
        _confused(claims, **header),
        signed({}, kid="../../etc/passwd"),
        signed({"aud": "signalcraft-second-factor"}),
        signed({"aud": "another"}),
        signed({"aud": ["signalcraft-api", "another"]}),
        signed({"iss": "another"}),
        signed({"sub": "7; DROP TABLE users"}),
        signed({"sid": "../.."}),
        jwt.encode(without_sid, ours, algorithm="EdDSA", headers=header),
        token(now - LIFETIME - 2 * LEEWAY),
        tokens.issue_ticket(tokens.Ticket(7, "x"), now),
    ):
        with pytest.raises(SessionEndedError):
            tokens.read_access_token(forged, now)
    assert get_settings().access_token_seconds == LIFETIME.total_seconds()
