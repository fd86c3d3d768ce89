"""Keys of nodes: who is let in as a device, what rotation and revocation do to the very next message."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from people import FleetFixture, Person
from signalcraft.clock import utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ForbiddenError, NotFoundError, SignalCraftError
from signalcraft.fleet import keys
from signalcraft.fleet.admission import Caller, admit
from signalcraft.fleet.models import Device, DeviceKey
from signalcraft.fleet.queries import KnownDevice

NAME = "ESP32_MIC_0001"
HOME = "192.0.2.10"


def send(
    client: FlaskClient, key: str | None = None, *, at: float = 0.0, address: str = HOME, bearer: bool = False
) -> TestResponse:
    """One reading of the fleet's node, `at` seconds after the first."""
    headers = {} if key is None else {"X-Device-Key": key}
    if bearer and key is not None:
        headers = {"Authorization": f"Bearer {key}"}
    message = {"device_id": NAME, "timestamp": 1_790_000_000 + at, "temperature": -18.5, "vibration": None}
    return client.post(
        "/api/iot/sensors/data",
        json=message | {"power_consumption": 40, "audio_level": 130},
        headers=headers | {"X-Forwarded-For": address},
    )


def issue(owner: Person) -> str:
    with unit_of_work() as session:
        return keys.issue_key(session, owner.principal, NAME)[1]


def decide(owner: Person, admission: keys.Admission, networks: list[str] | None = None) -> Device:
    with unit_of_work() as session:
        return keys.set_admission(session, owner.principal, NAME, admission, networks)


def readings() -> int:
    with unit_of_work() as session:
        return session.scalar(text("SELECT count(*) FROM readings")) or 0


def test_a_device_that_was_there_before_keys_goes_on_until_it_shows_one(
    api_client: FlaskClient, owner: Person
) -> None:
    assert send(api_client).status_code == 200
    key = issue(owner)
    assert send(api_client, at=1).status_code == 200, "issued, not yet in the node"
    assert send(api_client, key, at=2).status_code == 200
    refused = send(api_client, at=3)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert send(api_client, key, at=4, bearer=True).status_code == 200
    assert readings() == 4


def test_a_key_opens_its_own_device_only(api_client: FlaskClient, owner: Person, stranger: Person) -> None:
    with unit_of_work() as session:
        _, foreign = keys.issue_key(session, stranger.principal, "ESP32_MIC_0002")
    for wrong in (foreign, "scd_" + "x" * 43, ""):
        assert send(api_client, wrong).status_code == 401, wrong
    assert readings() == 0


def test_a_key_is_replaced_without_losing_a_reading(
    api_client: FlaskClient, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issue(owner)
    assert send(api_client, old).status_code == 200
    new = issue(owner)
    assert send(api_client, old, at=1).status_code == 200
    assert send(api_client, new, at=2).status_code == 200
    assert send(api_client, old, at=3).status_code == 200, "what the node had queued"
    with unit_of_work() as session:
        session.execute(
            text("UPDATE device_keys SET ends_at = ends_at - :overlap"), {"overlap": keys.OVERLAP}
        )
    assert send(api_client, old, at=4).status_code == 401
    assert send(api_client, new, at=5).status_code == 200
    assert readings() == 5


def test_a_key_that_was_never_used_ends_with_the_next_one(api_client: FlaskClient, owner: Person) -> None:
    lost, found = issue(owner), issue(owner)
    assert send(api_client, lost).status_code == 401
    assert send(api_client, found).status_code == 200


def test_a_revoked_key_is_refused_at_the_next_message(api_client: FlaskClient, owner: Person) -> None:
    key = issue(owner)
    assert send(api_client, key).status_code == 200
    with unit_of_work() as session:
        _, found = keys.list_keys(session, owner.principal, NAME)
        keys.revoke_key(session, owner.principal, NAME, found[0].id)
    assert send(api_client, key, at=1).status_code == 401
    assert send(api_client, at=1).status_code == 401, "and without a key nobody is let in instead"


def test_a_node_without_a_key_is_let_in_from_stated_networks_only(
    api_client: FlaskClient, owner: Person
) -> None:
    decide(owner, "key")
    assert send(api_client).status_code == 401
    decide(owner, "keyless", ["192.0.2.0/24", "2001:db8::/64"])
    assert send(api_client).status_code == 200
    assert send(api_client, at=1, address="2001:db8::7").status_code == 200
    for elsewhere in ("198.51.100.1", "2001:db8:1::7"):
        assert send(api_client, at=2, address=elsewhere).status_code == 403
    assert readings() == 2
    decide(owner, "blocked")
    assert send(api_client, at=3).status_code == 403


def test_the_network_it_was_seen_in_is_taken_where_none_is_named(
    api_client: FlaskClient, owner: Person
) -> None:
    with pytest.raises(SignalCraftError, match="none is known"):
        decide(owner, "keyless")
    with unit_of_work() as session:
        session.execute(text("UPDATE devices SET last_seen_at = last_seen_at - interval '1 minute'"))
    send(api_client)
    assert decide(owner, "keyless").networks == ["192.0.2.0/24"]


@pytest.mark.parametrize("network", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "192.0.2.0/33", "here", "1.2.3.4/a"])
def test_networks_that_are_none_or_are_everywhere_are_refused(owner: Person, network: str) -> None:
    with pytest.raises(SignalCraftError) as caught:
        decide(owner, "keyless", [network])
    assert caught.value.field == "networks"


def test_a_blocked_device_is_refused_with_its_key_too(api_client: FlaskClient, owner: Person) -> None:
    key = issue(owner)
    assert send(api_client, key).status_code == 200
    decide(owner, "blocked")
    assert send(api_client, key, at=1).status_code == 403


def test_an_unknown_device_is_made_known_only_without_a_key(api_client: FlaskClient, owner: Person) -> None:
    answers = [
        api_client.get("/api/esp32/config?device_id=NEW-1", headers=headers).status_code
        for headers in ({"X-Device-Key": "scd_invented"}, {})
    ]
    assert answers == [401, 200]


def test_keys_are_the_business_of_who_manages_devices(owner: Person, stranger: Person) -> None:
    viewer = owner.principal.__class__(
        user_id=owner.principal.user_id,
        username="viewer",
        role="user",
        shop_roles=dict.fromkeys(owner.principal.shop_roles, "viewer"),
    )
    with unit_of_work() as session, pytest.raises(ForbiddenError):
        keys.issue_key(session, viewer, NAME)
    with unit_of_work() as session, pytest.raises(NotFoundError):
        keys.issue_key(session, stranger.principal, NAME)


def test_a_secret_is_nowhere_in_the_database(owner: Person) -> None:
    secret = issue(owner)
    with unit_of_work() as session:
        (stored,) = session.scalars(text("SELECT device_keys::text FROM device_keys"))
    assert secret not in stored
    assert secret[:8] in stored


def test_many_callers_are_admitted_by_a_handful_of_statements(
    database: None, fleet: FleetFixture, owner: Person
) -> None:
    now = utc_now()
    secret = issue(owner)
    with unit_of_work() as session:
        for number in range(200):
            session.add(Device(device_id=f"N-{number}", machine_id=fleet.machine.id, last_seen_at=now))
    long_ago = now - timedelta(hours=1)
    with unit_of_work() as session:
        session.execute(text("UPDATE devices SET last_seen_at = :then"), {"then": long_ago})
    callers = [Caller(f"N-{number}", None, HOME) for number in range(200)]
    callers += [Caller(NAME, secret, HOME), Caller(NAME, "scd_wrong", HOME), callers[7]]

    def count(when: Any) -> tuple[int, list[KnownDevice | SignalCraftError]]:
        statements: list[str] = []
        engine = get_engine()
        note = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", note)
        try:
            with unit_of_work() as session:
                return len(statements), admit(session, callers, now=when)
        finally:
            event.remove(engine, "before_cursor_execute", note)
            counts.append(len(statements))

    counts: list[int] = []
    count(now)  # the key's first use is noted
    _, answers = count(now)
    _, again = count(now + timedelta(minutes=2))
    assert counts[1] == 1
    assert counts[2] == 3, "one that reads, one for the devices heard, one for the keys used"
    names = [one.status if isinstance(one, SignalCraftError) else one.device_id for one in answers]
    assert names[:200] == [f"N-{number}" for number in range(200)]
    assert names[200:] == [NAME, 401, "N-7"]
    with unit_of_work() as session:
        assert (
            session.scalar(text("SELECT count(*) FROM devices WHERE last_seen_at > :now"), {"now": now})
            == 201
        )
        key = session.query(DeviceKey).one()
    assert key.last_used_at == now + timedelta(minutes=2)
    assert len(again) == len(callers)


def test_the_lists_say_which_devices_are_unauthenticated(
    api_client: FlaskClient, owner: Person, admin: Person
) -> None:
    key = issue(owner)
    send(api_client, key)
    api_client.get("/api/esp32/config?device_id=NEW-1")
    with unit_of_work() as session:
        found = {
            row.device_id: row.admission
            for row in session.execute(text("SELECT device_id, admission FROM devices"))
        }
    assert found == {NAME: "key", "NEW-1": "undecided"}
