"""Availability: journeys against a system that runs, what is an incident, what counts, who may read it."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.clock import utc_now
from signalcraft.dashboards.availability import availability_now
from signalcraft.db.session import unit_of_work
from signalcraft.monitor import probes
from signalcraft.monitor.incidents import CLOSES_AFTER, Attempt, Judge, Round
from signalcraft.monitor.probes import Probes, record
from signalcraft.operations.probe_shop import prepare
from signalcraft.settings import Settings
from signalcraft.systemtest import JourneyResult
from system_instance import SystemInstance

NOBODY = "http://127.0.0.1:9"
START = datetime.fromisoformat("2026-11-25T12:00:00+00:00")


def rounds(outcomes: list[bool], journey: str = "page") -> list[tuple[list[Attempt], Round]]:
    """What a judge makes of a journey that is made each 10 s."""
    judge, found = Judge(), []
    for step, ok in enumerate(outcomes):
        at = START + timedelta(seconds=10 * step)
        attempts = [Attempt(at, JourneyResult(journey, ok, 0.1, "" if ok else "x"))]  # type: ignore[arg-type]
        judge.note(attempts)
        found.append((attempts, judge.round(at)))
    return found


def incidents(outcomes: list[bool]) -> list[tuple[int, int | None]]:
    """The first round of each incident, and the one with which it has ended."""
    found: list[tuple[int, int | None]] = []

    def place(at: datetime) -> int:
        return round((at - START).total_seconds() / 10)

    for _, ended in rounds(outcomes):
        if ended.began_at is not None and (not found or found[-1][1] is not None):
            found.append((place(ended.began_at), None))
        elif ended.well_since is not None and found and found[-1][1] is None:
            found[-1] = (found[-1][0], place(ended.well_since))
    return found


@pytest.mark.system
def test_all_journeys_succeed_in_a_running_system(running_system: SystemInstance) -> None:
    tried = running_system.run("journeys")
    assert tried.returncode == 0, tried.stdout
    assert tried.stdout.count("well") == 7
    tried = running_system.run("journeys", "--url", NOBODY)
    assert tried.returncode == 1
    assert "GET /: no answer (ConnectError)" in tried.stdout


def test_one_failure_is_no_incident_and_two_in_a_row_are() -> None:
    assert incidents([True, False, True, False, True]) == []
    assert incidents([True, False, False]) == [(1, None)]


def test_a_system_that_comes_and_goes_is_one_incident() -> None:
    flapping = [False, False, True, True, True] * 6
    assert incidents([True, *flapping, *[True] * CLOSES_AFTER]) == [(1, 28)]


@given(st.lists(st.booleans(), max_size=80))
def test_incidents_follow_each_other_at_a_distance(outcomes: list[bool]) -> None:
    found = incidents(outcomes)
    for (_, end), (later, _) in pairwise(found):
        assert end is not None
        assert later >= end + CLOSES_AFTER
    for begin, end in found:
        assert outcomes[begin : begin + 2] == [False, False]
        assert end is None or all(outcomes[end : end + CLOSES_AFTER])


def test_a_journey_counts_as_failed_until_it_is_made_again() -> None:
    judge = Judge()
    judge.note([Attempt(START, JourneyResult("clip", False, 20.0, "late"))])
    assert [judge.round(START + timedelta(seconds=10 * step)).failed for step in range(3)] == [("clip",)] * 3
    judge.note([Attempt(START + timedelta(seconds=60), JourneyResult("clip", True, 1.0, ""))])
    assert judge.round(START + timedelta(seconds=60)).failed == ()


def test_what_was_probed_is_counted_by_journey_and_by_round(database: None) -> None:
    outcomes = [True, False, False, True] + [True] * CLOSES_AFTER
    with unit_of_work() as session:
        for attempts, ended in rounds(outcomes):
            shifted = Round(
                **{**vars(ended), "at": utc_now() - timedelta(hours=1)}  # within the last 30 days
            )
            record(session, [Attempt(shifted.at, one.result) for one in attempts], shifted)
        found = availability_now(session)
    assert found.availability == pytest.approx(14 / 16)
    assert (found.failed_s, found.budget_s) == (20, 2592)
    [journey] = found.journeys
    assert (journey.name, journey.tried, journey.failed) == ("page", 16, 2)
    assert journey.mean_s == pytest.approx(0.1)


def test_the_incident_is_kept_with_its_begin_its_end_and_all_that_failed(database: None) -> None:
    with unit_of_work() as session:
        for attempts, ended in rounds([True, False, False, *[True] * CLOSES_AFTER]):
            record(session, attempts, ended)
        [kept] = probes.availability.incidents(session, since=START, limit=5)
    assert (kept.began_at, kept.ended_at) == (START + timedelta(seconds=10), START + timedelta(seconds=30))
    assert (kept.cause, kept.journeys) == ("page: x", ["page"])


def test_rounds_made_while_the_database_is_away_are_kept_for_later(
    settings: Settings, database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unit_of_work() as session:
        prepare(session, settings)
    prober = Probes(settings, NOBODY)

    def away() -> None:
        raise OperationalError("", {}, Exception("away"))

    with monkeypatch.context() as gone:
        gone.setattr(probes, "unit_of_work", away)
        for _ in range(2):
            with pytest.raises(OperationalError):
                prober.make_round()
    assert prober.incident == "page: the database does not answer"
    prober.make_round()
    with unit_of_work() as session:
        found = availability_now(session)
    assert (found.availability, found.failed_s, len(found.incidents)) == (0.0, 30, 1)
    assert {journey.name for journey in found.journeys} == {"page", "overview", "reading", "batch"}


def test_availability_is_for_administrators(gateway_client: TestClient, admin: Person, owner: Person) -> None:
    for address in ("availability", "operator-alerts"):
        assert gateway_client.get(f"/api/monitoring/{address}").status_code == 401
        refused = gateway_client.get(f"/api/monitoring/{address}", headers=bearer(gateway_client, owner))
        assert refused.status_code == 403
    answer = gateway_client.get("/api/monitoring/availability", headers=bearer(gateway_client, admin))
    assert answer.json()["data"]["availability"] is None
