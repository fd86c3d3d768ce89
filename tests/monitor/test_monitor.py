"""The monitor: what it keeps and thins, what it makes of numbers, and that no job holds up another."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.clock import utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.monitor import queue, thinning
from signalcraft.monitor.database import Database
from signalcraft.monitor.host import Host
from signalcraft.monitor.loop import Job, run_until
from signalcraft.monitor.sampling import Look, keeping
from signalcraft.monitor.tiers import percentiles
from signalcraft.observability import monitor_samples
from signalcraft.observability.monitor_history import means
from signalcraft.observability.monitor_samples import MonitorSample
from signalcraft.settings import Settings

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _sample(at: datetime, **numbers: float) -> MonitorSample:
    return MonitorSample(section="host", taken_at=at, span_s=0, numbers=numbers)


def test_a_failing_and_a_hanging_job_do_not_hold_up_the_others() -> None:
    stopping, released = threading.Event(), threading.Event()
    done: list[float] = []

    def fail() -> None:
        raise ValueError("broken")

    jobs = [
        Job("hanging", 0.01, lambda: released.wait(10) and None),
        Job("failing", 0.01, fail),
        Job("well", 0.01, lambda: done.append(monotonic())),
    ]
    loop = threading.Thread(target=run_until, args=(stopping, jobs))
    loop.start()
    deadline = monotonic() + 5
    while len(done) < 5 and monotonic() < deadline:
        sleep(0.01)
    stopping.set()
    released.set()
    loop.join(5)
    assert len(done) >= 5
    assert not loop.is_alive()


@given(st.lists(st.floats(0, 9), min_size=1, max_size=60))
def test_percentiles_rise_and_stay_within_the_buckets_of_what_was_measured(seconds: list[float]) -> None:
    edges = [0.01, 0.1, 1.0, 10.0, float("inf")]
    before = dict.fromkeys(edges, 7.0)
    now = {edge: 7.0 + sum(one <= edge for one in seconds) for edge in edges}
    found = percentiles(now, before)
    assert found[50] <= found[95] <= found[99] <= 10
    median = sorted(seconds)[(len(seconds) - 1) // 2]
    upper = next(edge for edge in edges if median <= edge)
    lower = max((edge for edge in edges if edge < upper), default=0.0)
    assert lower <= found[50] <= upper


def test_a_tier_that_begins_to_count_anew_has_no_percentiles() -> None:
    assert percentiles({0.1: 2.0, 1.0: 2.0}, {0.1: 90.0, 1.0: 95.0}) == {}
    assert percentiles({0.1: 5.0, 1.0: 5.0}, {0.1: 5.0, 1.0: 5.0}) == {}


def test_means_are_of_the_samples_that_have_the_number() -> None:
    samples = [_sample(NOON, a=1.0), _sample(NOON + timedelta(seconds=10), a=3.0, b=5.0)]
    [mean] = means(samples, 60)
    assert (mean.taken_at, mean.span_s, mean.numbers) == (NOON, 60, {"a": 2.0, "b": 5.0})


def test_seven_days_are_kept_small(database: None) -> None:
    now = utc_now()
    with unit_of_work() as session:
        for minute in range(8 * 24 * 60):
            session.add(_sample(now - timedelta(minutes=minute), cpu_percent=50.0))
        for second in range(0, 3 * 3600, 10):
            session.merge(_sample(now - timedelta(seconds=second, microseconds=1), cpu_percent=70.0))
    thinning.thin()
    with unit_of_work() as session:
        kept = list(session.scalars(select(MonitorSample).order_by(MonitorSample.taken_at)))
    assert kept[0].taken_at >= now - timedelta(days=7, minutes=10)
    assert len(kept) < 6 * 144 + 24 * 60 + 8 * 3600 / 10
    old = [sample.taken_at for sample in kept if sample.taken_at < now - timedelta(days=1, minutes=10)]
    assert min(later - earlier for earlier, later in pairwise(old)) == timedelta(minutes=10)
    thinning.thin()
    with unit_of_work() as session:
        assert len(session.scalars(select(MonitorSample)).all()) == pytest.approx(len(kept), abs=2)


def test_the_application_s_role_sees_everybody_s_sessions(
    settings: Settings, database: None, owner_engine: Engine
) -> None:
    """Whoever has a transaction open for long is found, even the owner."""
    with owner_engine.connect() as owner:
        owner.execute(text("SELECT 1 AS owner_is_here"))
        sleep(0.05)
        look = Database().look()
    assert look.document["oldest_transaction_s"] >= 0.05
    assert 2 <= look.document["connections"] <= look.document["connections_limit"]
    assert {"name", "rows", "size_bytes"} == set(look.document["tables"][0])


def test_slow_statements_are_named_without_their_values(settings: Settings, database: None) -> None:
    with get_engine().connect() as connection:
        connection.execute(text("SELECT pg_sleep(0.03), 'a secret that must not be shown'"))
    statements = Database().look().document["slowest_statements"]
    assert any("pg_sleep" in one["statement"] for one in statements)
    assert "a secret" not in str(statements)


def test_what_the_monitor_saw_is_for_administrators_alone(
    gateway_client: TestClient, settings: Settings, admin: Person, owner: Person
) -> None:
    for address in ("now", "history", "status", "stats", "alerts", "stream"):
        assert gateway_client.get(f"/api/monitoring/{address}").status_code == 401
        refused = gateway_client.get(f"/api/monitoring/{address}", headers=bearer(gateway_client, owner))
        assert refused.status_code == 403
    headers = bearer(gateway_client, admin)
    assert gateway_client.get("/api/monitoring/status", headers=headers).json()["is_running"] is False
    assert gateway_client.post("/api/monitoring/start", headers=headers).status_code == 503
    keeping("host", Host(settings.data_dir).look)()
    keeping("queue", queue.waiting)()
    now = gateway_client.get("/api/monitoring/now", headers=headers).json()["data"]
    assert now["running"] is True
    assert [section["name"] for section in now["sections"]] == ["host", "queue"]
    assert now["sections"][0]["document"]["memory_total_bytes"] > 0
    history = gateway_client.get("/api/monitoring/history?hours=1", headers=headers).json()["data"]
    [used] = history["sections"]["host"]["numbers"]["memory_used_bytes"]
    assert used > 0
    assert gateway_client.get("/api/monitoring/history?hours=169", headers=headers).status_code == 422
    assert gateway_client.get("/api/monitoring/status", headers=headers).json()["is_running"] is True
    assert gateway_client.post("/api/monitoring/start", headers=headers).json()["is_running"] is True
    assert gateway_client.post("/api/monitoring/stop", headers=headers).status_code == 409
    stats = gateway_client.get("/api/monitoring/stats", headers=headers).json()["stats"]
    assert (stats["total_analyses"], stats["anomaly_rate"]) == (0, 0.0)
    assert gateway_client.get("/api/monitoring/alerts", headers=headers).json()["alerts"] == []


def test_the_newest_look_takes_the_place_of_the_one_before(database: None) -> None:
    for value in (1.0, 2.0):
        keeping("redis", lambda value=value: Look({"clients": value}, {"clients": value}))()  # type: ignore[misc]
    with unit_of_work() as session:
        [section] = monitor_samples.sections(session)
        assert section.document == {"clients": 2.0}
        taken = monitor_samples.samples(session, since=utc_now() - timedelta(minutes=1))
        assert [sample.numbers for sample in taken] == [{"clients": 1.0}, {"clients": 2.0}]
