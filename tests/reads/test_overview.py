"""The overview: who sees what, one moment for everything, and no more statements for more machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from reading_side import hear, reader
from sqlalchemy import event
from starlette.testclient import TestClient

from people import FleetFixture, Person, make_fleet
from signalcraft.clock import utc_now
from signalcraft.dashboards import queries, service
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import service as fleet_service
from signalcraft.fleet.admission import Caller
from signalcraft.telemetry.batches import of_reading
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.writer import get_writer


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", count)


def record(fleet: FleetFixture, measured_at: datetime, temperature_c: float) -> None:
    reading = ReadingIn(measured_at, {"temperature_c": temperature_c})
    name = fleet.device.device_id
    stored = get_writer().submit(of_reading(name, reading), [Caller(name, None, None)])
    assert stored.result(10).stored == 1


def test_each_person_sees_their_own(
    api_client: FlaskClient,
    gateway_client: TestClient,
    fleet: FleetFixture,
    owner: Person,
    stranger: Person,
    admin: Person,
) -> None:
    with unit_of_work() as session:
        fleet_service.see_device(session, "NOBODYS_01", address=None, now=utc_now())
    seen = {}
    for person in (owner, stranger, admin):
        answer = reader(api_client, gateway_client, person).get("/api/dashboard/overview").get_json()
        shops = [
            (shop["name"], [machine["name"] for machine in shop["machines"]]) for shop in answer["shops"]
        ]
        seen[person.username] = (shops, [machine["name"] for machine in answer["unclaimed"]])
    mine, theirs = ("Ice & Co", ["Freezer 1"]), ("Another shop", ["Freezer 1"])
    assert seen == {
        owner.username: ([mine], []),
        stranger.username: ([theirs], []),
        admin.username: ([theirs, mine], ["NOBODYS_01"]),
    }


def test_a_machine_of_others_does_not_exist(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, stranger: Person
) -> None:
    caller = reader(api_client, gateway_client, stranger)
    for path in ("", "/readings", "/analyses"):
        assert caller.get(f"/api/machines/{fleet.machine.id}{path}").status_code == 404
        assert caller.get(f"/api/machines/999{path}").status_code == 404


def test_the_card_shows_the_newest_of_everything(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    now = utc_now().replace(microsecond=0)
    record(fleet, now - timedelta(minutes=1), -19.0)
    record(fleet, now - timedelta(minutes=9), -5.0)
    _, newest = hear(fleet.device, now - timedelta(minutes=2), seed=1)
    hear(fleet.device, now - timedelta(hours=2), seed=2)  # heard earlier, arrived later
    caller = reader(api_client, gateway_client, owner)
    [shop] = caller.get("/api/dashboard/overview").get_json()["shops"]
    [card] = shop["machines"]
    assert shop["light"] == card["light"] == "blue"
    assert card["device"]["status"] == "online"
    assert card["baseline"] == {"state": "learning", "clips": 2, "needed": 60, "version": None}
    assert card["latest_reading"]["temperature_c"] == -19.0
    assert card["latest_reading"]["measured_at"] == (now - timedelta(minutes=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    # The overview reads fewer columns than the list does; they must say the same.
    analyses = caller.get(f"/api/machines/{fleet.machine.id}/analyses").get_json()["analyses"]
    assert card["latest_analysis"] == analyses[0]
    assert analyses[0]["id"] == newest
    assert caller.get(f"/api/machines/{fleet.machine.id}").get_json() == {
        "success": True,
        "machine": card,
        "shop": {"id": shop["id"], "name": shop["name"]},
    }


@pytest.mark.parametrize("age", [timedelta(days=20), timedelta(days=4000)])
def test_the_newest_reading_is_found_however_old(fleet: FleetFixture, owner: Person, age: timedelta) -> None:
    record(fleet, utc_now() - age, -7.5)
    with unit_of_work() as session:
        reading = service.machine(session, owner.principal, fleet.machine.id).machine.latest_reading
    assert reading is not None
    assert reading.temperature_c == -7.5


def test_more_machines_need_no_more_statements(fleet: FleetFixture, admin: Person) -> None:
    def statements() -> int:
        with counted_statements() as seen, unit_of_work() as session:
            service.overview(session, admin.principal)
        return len(seen)

    record(fleet, utc_now(), -20.0)
    few = statements()
    for number in range(20):
        record(make_fleet(f"Shop {number}", f"ESP32_{number}"), utc_now(), -20.0)
    assert statements() == few


def test_a_change_is_in_the_snapshot_or_after_it(
    monkeypatch: pytest.MonkeyPatch, fleet: FleetFixture, owner: Person
) -> None:
    """A change that commits while the overview is read is not missed by whoever resumes from it."""
    real = queries.machines

    def renamed_meanwhile(*arguments: object) -> object:
        with unit_of_work() as other:
            fleet_service.change_machine(other, owner.principal, fleet.machine.id, name="Renamed", model=None)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "machines", renamed_meanwhile)
    with unit_of_work() as session:
        before = service.overview(session, owner.principal)
    monkeypatch.undo()
    with unit_of_work() as session:
        after = service.overview(session, owner.principal)
    assert before.shops[0].machines[0].name == "Freezer 1"
    assert after.shops[0].machines[0].name == "Renamed"
    assert after.last_event_id == before.last_event_id + 1


def test_readings_of_a_range(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    start = datetime(2026, 8, 1, tzinfo=UTC)
    for minute in range(10):
        record(fleet, start + timedelta(minutes=minute), -20.0 - minute)
    caller = reader(api_client, gateway_client, owner)
    path = f"/api/machines/{fleet.machine.id}/readings?from=2026-08-01T00:02:00Z&to=2026-08-01T00:05:00Z"
    answer = caller.get(path).get_json()
    assert (answer["from"], answer["to"]) == ("2026-08-01T00:02:00Z", "2026-08-01T00:05:00Z")
    assert answer["fields"]["temperature_c"] == [-22.0, -23.0, -24.0, -25.0]
    assert answer["measured_at"][0] == (start + timedelta(minutes=2)).timestamp() * 1000
    assert (answer["count"], answer["reduced"]) == (4, False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-08-01T00:00:00", "from"),
        ("from=2026-08-02T00:00:00Z&to=2026-08-01T00:00:00Z", "from"),
        ("from=1970-01-01T00:00:00Z&to=1970-01-02T00:00:00Z", "from"),
        ("from=2010-01-01T00:00:00Z", "from"),
        ("to=0001-01-01T00:00:00%2B14:00", "to"),
        ("points=0", "points"),
        ("points=1000000", "points"),
    ],
)
def test_a_range_that_makes_no_sense_is_named(
    api_client: FlaskClient,
    gateway_client: TestClient,
    fleet: FleetFixture,
    owner: Person,
    query: str,
    field: str,
) -> None:
    answer = reader(api_client, gateway_client, owner).get(
        f"/api/machines/{fleet.machine.id}/readings?{query}"
    )
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == field
