"""Limits on readings: where they stand, whatever order readings come in, and what follows from it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any, get_args

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from starlette.testclient import TestClient
from werkzeug.test import TestResponse

from people import FleetFixture, Person, bearer
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.alarms.service import Evidence, close_alarms, is_sound_in_question, raise_alarm
from signalcraft.clock import EPOCH, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine
from signalcraft.notifications.models import Notification
from signalcraft.telemetry.columns import ABSENT, FIELDS, Columns
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.thresholds import following, watching
from signalcraft.telemetry.thresholds.machine import GAP_S, REST, State, follow
from signalcraft.telemetry.thresholds.models import Excursion, ThresholdState, ThresholdWork
from signalcraft.telemetry.thresholds.rules import NAMES, Rule, merged
from signalcraft.telemetry.thresholds.schemas import ThresholdName


@pytest.fixture(autouse=True)
def unread() -> None:
    """No test sees the limits that another one has read."""
    watching.forget()


def store(device: Device, readings: Sequence[tuple[datetime, float | None]]) -> None:
    """What the writer does with temperatures of one device: rows and hook in one transaction."""
    if not readings:
        return
    now = utc_now()
    ordered = sorted(readings)
    fields = np.full((len(ordered), len(FIELDS)), np.nan, np.float32)
    fields[:, 0] = [np.nan if value is None else value for _, value in ordered]
    nothing = np.full(len(ordered), None, object)
    absent = np.full(len(ordered), ABSENT, np.int64)
    columns = Columns(
        received_at=now,
        device=np.full(len(ordered), device.id, np.int32),
        measured_at_us=np.array([(at - EPOCH) // timedelta(microseconds=1) for at, _ in ordered], np.int64),
        fields=fields,
        quality=nothing,
        extra=nothing,
        boot=absent,
        sequence=absent,
    )
    with unit_of_work() as session:
        session.add_all(
            Reading(device_id=device.id, measured_at=at, received_at=now, temperature_c=value)
            for at, value in ordered
        )
        watching.watch(session, columns)


def states_of(device: Device) -> dict[str, State]:
    with unit_of_work() as session:
        row = session.get(ThresholdState, device.id)
    return {} if row is None else following.from_json(row.head)


def alarms() -> list[Alarm]:
    with unit_of_work() as session:
        return list(session.scalars(select(Alarm).order_by(Alarm.id)))


def hot(start: datetime, seconds: int, value: float = 9.0, step: int = 20) -> list[tuple[datetime, float]]:
    return [(start + timedelta(seconds=second), value) for second in range(0, seconds, step)]


def reference(rule: Rule, readings: list[tuple[float, float]]) -> tuple[bool, bool]:
    """(beyond, on) after the whole series, said another way: by looking back from each reading."""
    on = beyond = False
    run: list[float] = []  # times since `beyond` last changed, without gaps
    for at, value in readings:
        inside = (
            value <= rule.limit - rule.hysteresis
            if rule.direction == "above"
            else value >= (rule.limit + rule.hysteresis)
        )
        outside = value > rule.limit if rule.direction == "above" else value < rule.limit
        now = True if outside else False if inside else beyond
        run = [*run, at] if now == beyond and run and at - run[-1] <= GAP_S else [at]
        beyond = now
        if beyond and run[-1] - run[0] >= rule.delay_on_s:
            on = True
        if not beyond and run[-1] - run[0] >= rule.delay_off_s:
            on = False
    return beyond, on


@given(
    st.lists(
        st.tuples(st.integers(1, 2400), st.sampled_from([-30.0, 3.0, 4.5, 5.0, 5.5, 11.0])), max_size=60
    ),
    st.sampled_from([0.0, 60.0, 300.0]),
    st.sampled_from([0.0, 60.0]),
    st.sampled_from(["above", "below"]),
)
def test_the_machine_is_what_looking_back_says(
    steps: list[tuple[int, float]], delay_on_s: float, delay_off_s: float, direction: str
) -> None:
    rule = Rule("r", "temperature_c", direction, 5.0, 1.0, delay_on_s, delay_off_s, "high", alarm=True)  # type: ignore[arg-type]
    at, readings = 0.0, []
    for seconds, value in steps:
        at += seconds
        readings.append((at, value))
    state, changes = follow(rule, REST, readings)
    assert (state.beyond, state.on) == reference(rule, readings)
    assert [change.kind for change in changes] == (["begun", "ended"] * len(changes))[: len(changes)]


@pytest.mark.parametrize("seed", range(8))
def test_readings_may_come_in_any_order_and_workers_may_die(fleet: FleetFixture, seed: int) -> None:
    """Late by less than fifteen minutes, in random portions, by two workers, with work that is undone half
    way: the states are those of the whole series in order."""
    random = Random(seed)
    start = utc_now() - timedelta(hours=2)
    series = []
    second, value = 0.0, 4.0
    for _ in range(220):
        second += random.choice([5, 10, 20, 20, 30])
        value += random.uniform(-1.2, 1.2)
        value = min(max(value, 1.0), 13.0)
        series.append((start + timedelta(seconds=second), round(value, 2)))
    arrivals = sorted(series, key=lambda reading: reading[0] + timedelta(seconds=random.uniform(0, 800)))
    while arrivals:
        portion = random.randint(1, 25)
        store(fleet.device, arrivals[:portion])
        arrivals = arrivals[portion:]
        if random.random() < 0.3:
            die_half_way()
        if random.random() < 0.7:
            two_workers()
    following.work_off()
    expected = {}
    courses = {"temperature_c": [((at - EPOCH).total_seconds(), value) for at, value in series]}
    for name, rule in merged().items():
        state, _ = follow(rule, REST, courses.get(rule.field, []))
        if not state.is_at_rest:
            expected[name] = (state.beyond, state.on, state.since)
    found = states_of(fleet.device)
    assert {name: (state.beyond, state.on, state.since) for name, state in found.items()} == expected
    with unit_of_work() as session:
        still_open = set(session.scalars(select(Excursion.name).where(Excursion.ended_at.is_(None))))
        assert session.scalar(select(func.count()).select_from(ThresholdWork)) == 0
    assert still_open == {name for name, (_, on, _) in expected.items() if on}


def two_workers() -> None:
    """Both take from the same work."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: following.work_off(), range(2)))


def die_half_way() -> None:
    """A worker that is killed before its commit."""
    with suppress(KeyboardInterrupt), unit_of_work() as session:
        following.do_some(session)
        raise KeyboardInterrupt


def test_a_warm_freezer_rings_after_five_minutes_and_is_over_when_it_is_cold(fleet: FleetFixture) -> None:
    start = utc_now() - timedelta(seconds=600)
    store(fleet.device, hot(start, 280))
    following.work_off()
    assert alarms() == []
    store(fleet.device, [(start + timedelta(seconds=seconds), 9.0) for seconds in (300, 320)])
    following.work_off()
    [alarm] = alarms()
    assert (alarm.condition, alarm.severity, alarm.state) == (
        "temperature_alert",
        "critical",
        "active_unacknowledged",
    )
    assert alarm.analysis_id is None
    assert alarm.reading is not None
    assert alarm.reading["device_id"] == fleet.device.device_id
    assert (alarm.reading["value"], alarm.reading["limit"]) == (9.0, 5.0)
    assert datetime.fromisoformat(alarm.reading["since"]) == start
    # Inside the limit, but not by the hysteresis, is not back.
    store(fleet.device, [(start + timedelta(seconds=seconds), 4.5) for seconds in (340, 360, 420, 440)])
    following.work_off()
    assert alarms()[0].state == "active_unacknowledged"
    store(fleet.device, [(start + timedelta(seconds=seconds), -18.0) for seconds in (450, 480, 511)])
    following.work_off()
    [alarm] = alarms()
    assert alarm.state == "cleared"
    with unit_of_work() as session:
        kinds = session.scalars(select(AlarmTransition.kind).order_by(AlarmTransition.id)).all()
        told = session.scalars(select(Notification.text).order_by(Notification.id)).all()
    assert kinds == ["raised", "cleared"]
    assert "temperature" in told[0]["en"]
    assert told[1]["en"].endswith("its temperature is in order again.")


def test_what_began_before_the_first_look_counts(fleet: FleetFixture) -> None:
    """As when the worker that took the first reading's work dies, and another one has that of the second."""
    start = utc_now() - timedelta(seconds=310)
    store(fleet.device, [(start + timedelta(seconds=310), 9.0)])
    following.work_off()
    assert alarms() == []
    store(fleet.device, [(start, 9.0)])
    following.work_off()
    [alarm] = alarms()
    assert alarm.reading is not None
    assert datetime.fromisoformat(alarm.reading["since"]) == start


def test_a_value_within_all_limits_leaves_no_trace(fleet: FleetFixture) -> None:
    store(fleet.device, [(utc_now() - timedelta(seconds=second), -18.5) for second in range(100)])
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(ThresholdWork)) == 0


def test_what_a_node_kept_for_days_is_recorded_and_rings_no_more(fleet: FleetFixture) -> None:
    start = utc_now() - timedelta(days=2)
    store(fleet.device, [*hot(start, 900), *hot(start + timedelta(seconds=900), 200, -18.0)])
    following.work_off()
    assert alarms() == []
    with unit_of_work() as session:
        found = session.scalars(select(Excursion).order_by(Excursion.name)).all()
    assert [one.name for one in found] == ["temperature_alert", "temperature_high"]
    assert all(one.ended_at is not None and one.since == start for one in found)


def test_a_device_that_is_in_order_again_is_forgotten(fleet: FleetFixture) -> None:
    start = utc_now() - timedelta(hours=1)
    store(fleet.device, hot(start, 100, 6.0))
    following.work_off()
    assert states_of(fleet.device)
    store(fleet.device, hot(start + timedelta(seconds=100), 3400, -18.0))
    following.work_off()
    store(fleet.device, hot(start + timedelta(seconds=3500), 60, -18.0))
    following.work_off()
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM threshold_states")) == 0


def put(
    api: FlaskClient, headers: dict[str, str], path: str, **thresholds: dict[str, object]
) -> TestResponse:
    return api.put(path, json={"thresholds": thresholds}, headers=headers)


def in_force(api: FlaskClient, headers: dict[str, str], device_id: str) -> dict[str, dict[str, Any]]:
    answer = api.get(f"/api/devices/{device_id}/thresholds", headers=headers).get_json()
    return {threshold["name"]: threshold for threshold in answer["thresholds"]}


def test_a_device_s_own_limits_go_before_those_of_its_type(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person, admin: Person
) -> None:
    name, mine, root = fleet.device.device_id, bearer(gateway_client, owner), bearer(gateway_client, admin)
    of_type, of_device = "/api/thresholds/types/freezer", f"/api/devices/{name}/thresholds"
    wanted = {"limit": -5, "delay_on_s": 60}
    assert put(api_client, mine, of_type, temperature_alert=wanted).status_code == 403
    assert put(api_client, root, of_type, temperature_alert=wanted).status_code == 200
    assert put(api_client, mine, of_device, temperature_alert={"limit": -10}).status_code == 200
    rule = in_force(api_client, mine, name)["temperature_alert"]
    assert (rule["limit"], rule["delay_on_s"], rule["hysteresis"]) == (-10, 60, 1)
    assert rule["set_here"]
    assert put(api_client, mine, of_device).status_code == 200
    assert in_force(api_client, mine, name)["temperature_alert"]["limit"] == -5
    types = api_client.get("/api/thresholds", headers=mine).get_json()["types"]
    assert [one["device_type"] for one in types] == ["freezer"]


def test_a_changed_limit_is_held_against_what_was_measured_lately(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    mine = bearer(gateway_client, owner)
    path = f"/api/devices/{fleet.device.device_id}/thresholds"
    store(fleet.device, hot(utc_now() - timedelta(seconds=420), 400, -2.0))
    following.work_off()
    assert alarms() == []
    put(api_client, mine, path, temperature_alert={"limit": -10})
    following.work_off()
    assert [alarm.state for alarm in alarms()] == ["active_unacknowledged"]
    put(api_client, mine, path, temperature_alert={"limit": -10, "enabled": False})
    following.work_off()
    assert [alarm.state for alarm in alarms()] == ["cleared"]
    found = api_client.get("/api/thresholds/excursions", headers=mine).get_json()["excursions"]
    assert [one["name"] for one in found] == ["temperature_alert"]
    assert found[0]["ended_at"] is not None


def test_limits_that_contradict_each_other_are_refused(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    mine = bearer(gateway_client, owner)
    path = f"/api/devices/{fleet.device.device_id}/thresholds"
    for name, fields, field in (
        ("temperature_alert", {"limit": 500}, "limit"),
        ("temperature_alert", {"hysteresis": 70}, "hysteresis"),
        # Above 5 °C counts until it is below -25 °C, where too cold begins: no value would be in order.
        ("temperature_alert", {"hysteresis": 29}, "hysteresis"),
        ("temperature_low", {"limit": 4.5}, "hysteresis"),
        ("power_alert", {"hysteresis": -1}, "hysteresis"),
        ("power_alert", {"delay_on_s": 1e9}, "delay_on_s"),
        ("power_alert", {"severity": "grave"}, "severity"),
        ("power_alert", {"limits": 3}, "limits"),
    ):
        answer = put(api_client, mine, path, **{name: fields})
        assert answer.status_code == 422, (name, fields)
        assert any(error["field"].endswith(field) for error in answer.get_json()["errors"]), answer.text
    assert put(api_client, mine, path, humidity_high={"limit": 3}).status_code == 422
    assert not any(rule["set_here"] for rule in in_force(api_client, mine, fleet.device.device_id).values())


def test_the_names_that_can_be_set_are_those_of_the_rules() -> None:
    assert set(get_args(ThresholdName)) == NAMES


def test_the_alarm_of_one_device_does_not_end_with_the_other_s_value(fleet: FleetFixture) -> None:
    """Two nodes at one machine share its alarm."""
    with unit_of_work() as session:
        second = Device(device_id="SECOND", machine_id=fleet.machine.id)
        session.add(second)
        session.flush()
        session.refresh(second)
    start = utc_now() - timedelta(seconds=400)
    for device in (fleet.device, second):
        store(device, hot(start, 340))
    following.work_off()
    store(fleet.device, [(start + timedelta(seconds=second), -18.0) for second in (345, 380, 399)])
    following.work_off()
    store(fleet.device, [(utc_now() + timedelta(seconds=60), -18.0)])
    following.work_off()
    [alarm] = alarms()
    assert alarm.state == "active_unacknowledged"
    store(second, [(start + timedelta(seconds=seconds), -18.0) for seconds in (345, 399, 420)])
    following.work_off()
    assert alarms()[0].state == "cleared"


def test_sound_does_not_end_an_alarm_about_readings_nor_they_one_about_sound(
    fleet: FleetFixture, owner: Person
) -> None:
    text_of = {"ko": "소리가 다릅니다", "en": "It sounds different"}
    start = utc_now() - timedelta(seconds=400)
    store(fleet.device, hot(start, 340))
    following.work_off()
    with unit_of_work() as session:
        machine = session.get_one(Machine, fleet.machine.id)
        raise_alarm(
            session,
            machine,
            condition="tonal",
            severity="high",
            evidence=Evidence(at=utc_now(), summary=text_of, advice=text_of),
        )
        assert is_sound_in_question(session, machine.id)
        close_alarms(session, owner.principal, machine, kind="dismissed", reason=None)
        assert not is_sound_in_question(session, machine.id)
    assert {alarm.condition: alarm.state for alarm in alarms()} == {
        "temperature_alert": "active_unacknowledged",
        "tonal": "cleared",
    }


def test_what_cannot_be_followed_does_not_keep_others_from_ringing(
    fleet: FleetFixture, stranger: Person
) -> None:
    with unit_of_work() as session:
        other = session.scalars(select(Device).where(Device.id != fleet.device.id)).one()
        moment = utc_now() - timedelta(hours=1)
        session.add(
            ThresholdState(
                device_id=fleet.device.id,
                checkpoint={"temperature_alert": {"of": "another version"}},
                checkpoint_until=moment,
                head={},
                head_until=moment,
                looked_at=moment,
            )
        )
    for device in (fleet.device, other):
        store(device, hot(utc_now() - timedelta(seconds=320), 320))
    following.work_off()
    assert [alarm.machine_id for alarm in alarms()] == [other.machine_id]
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(ThresholdWork)) == 0
