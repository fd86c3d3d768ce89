"""The system's own visitors: let in by secrets that are stored nowhere."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from people import NOWHERE, Person, bearer, make_fleet
from signalcraft.accounts.api_tokens import authenticate_api_token
from signalcraft.accounts.errors import TokenRefusedError
from signalcraft.accounts.models import User
from signalcraft.accounts.sessions import SignedIn, sign_out
from signalcraft.accounts.sign_in import account_of, check_password, enter
from signalcraft.acoustics import reception, tasks
from signalcraft.acoustics.models import Clip
from signalcraft.audit.models import AuditRecord
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Shop
from signalcraft.operations.probe_shop import prepare
from signalcraft.settings import Settings
from signalcraft.storage import objects
from signalcraft.telemetry.models import Reading

LONG_AGO = utc_now() - timedelta(hours=3)


def test_it_is_made_once_and_follows_the_signing_key(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        first = prepare(session, settings)
    with unit_of_work() as session:
        assert prepare(session, settings) == first
        assert authenticate_api_token(session, first.api_token, utc_now()).shop_ids == {first.shop_id}
    other = settings.model_copy(update={"token_signing_key": settings.encryption_keys})
    with unit_of_work() as session:
        second = prepare(session, other)
    assert (second.shop_id, second.device_id) == (first.shop_id, first.device_id)
    with unit_of_work() as session:
        check_password(account_of(session, second.username), second.password)
        assert len(session.scalars(select(Device)).all()) == 1
        assert len(session.scalars(select(Shop)).all()) == len(session.scalars(select(User)).all()) == 1
        with pytest.raises(TokenRefusedError):
            authenticate_api_token(session, first.api_token, utc_now())


def test_its_secrets_are_not_in_what_is_printed(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        visitors = prepare(session, settings)
    shown = str(visitors)
    for secret in (visitors.password, visitors.api_token, visitors.device_key):
        assert len(secret) >= 43
        assert secret not in shown


def test_nobody_else_sees_it(
    settings: Settings, gateway_client: TestClient, api_client: FlaskClient, admin: Person
) -> None:
    with unit_of_work() as session:
        visitors = prepare(session, settings)
    headers = bearer(gateway_client, admin)
    lists = (
        (api_client, "/api/dashboard/overview"),
        (api_client, "/api/dashboard/stores"),
        (api_client, "/api/dashboard/devices"),
        (api_client, "/api/dashboard/summary"),
        (api_client, "/api/devices"),
        (api_client, "/api/shops"),
        (api_client, "/api/esp32/status"),
        (gateway_client, "/api/admin/users"),
        (gateway_client, "/api/admin/shops"),
        (gateway_client, "/api/admin/devices"),
        (gateway_client, "/api/admin/tokens"),
    )
    for client, address in lists:
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, address
        text = answer.text
        assert "systemtest" not in text, address
        assert visitors.device_id not in text
    summary = api_client.get("/api/dashboard/summary", headers=headers).get_json()
    assert summary["summary"]["overview"]["total_stores"] == 0
    as_program = {"Authorization": f"Bearer {visitors.api_token}"}
    own = api_client.get("/api/dashboard/overview", headers=as_program).get_json()
    assert [shop["id"] for shop in own["shops"]] == [visitors.shop_id]


def test_what_it_sends_is_forgotten_and_what_others_sent_is_not(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        visitors = prepare(session, settings)
        theirs = session.scalars(select(Device).where(Device.device_id == visitors.device_id)).one()
        others = make_fleet("A shop", "A_NODE").device
        for device in (theirs, others):
            reception.receive_node_clip(
                session,
                device,
                b"\x01\x02" * 8000,
                sample_rate_hz=16_000,
                bits_per_sample=16,
                measured_at=utc_now(),
            )
        session.execute(update(Clip).values(received_at=utc_now() - tasks.PROBED_KEPT * 2))
        sent = set(session.scalars(select(Clip.object_key)))
        for device in (theirs, others):
            session.add(Reading(device_id=device.id, measured_at=LONG_AGO, received_at=LONG_AGO))
    tasks.forget_probed()
    with unit_of_work() as session:
        [clip] = session.scalars(select(Clip)).all()
        [reading] = session.scalars(select(Reading)).all()
        assert (clip.device_id, reading.device_id) == (others.id, others.id)
        kept = set(objects.keys_under(clip.object_key.rpartition("/")[0]))
    assert sent & kept == {clip.object_key}


def test_its_sign_ins_do_not_fill_the_audit_log(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        visitors = prepare(session, settings)
    before = count_records()
    with unit_of_work() as session:
        proven = check_password(account_of(session, visitors.username), visitors.password)
        signed_in = enter(session, proven, NOWHERE, now=utc_now())
        assert isinstance(signed_in, SignedIn)
        sign_out(session, refresh_token=signed_in.refresh_token, access_token=None, now=utc_now())
    assert count_records() == before


def count_records() -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(AuditRecord)) or 0
