"""Requests over the limit, the headers that warn of it, and what happens without Redis."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.api.limits import WORKLOAD
from signalcraft.errors import TooManyRequestsError, UnauthenticatedError, UnavailableError
from signalcraft.gateway import limits as gateway_limits
from signalcraft.ratelimits import counters, sign_in
from signalcraft.ratelimits.counters import Counters, get_counters
from signalcraft.ratelimits.policy import limits_in_force
from signalcraft.ratelimits.service import address_subject, require, spend
from signalcraft.ratelimits.workload import Workload
from signalcraft.settings import Settings, get_settings

Allow = Callable[[str], None]


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[Allow]:
    """Set the operator's setting."""

    def clear() -> None:
        for cached in (get_settings, limits_in_force, get_counters):
            cached.cache_clear()

    def set_to(text: str) -> None:
        monkeypatch.setenv("SIGNALCRAFT_RATE_LIMITS", text)
        clear()

    yield set_to
    monkeypatch.undo()
    clear()


def from_address(address: str) -> dict[str, str]:
    """Headers of a request as the proxy hands it on; the test client itself stands on its machine."""
    return {"X-Forwarded-For": address}


def test_answers_say_what_is_left_and_over_it_when_to_come_back(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person, stranger: Person, allow: Allow
) -> None:
    allow("calls=4/minute")
    headers = bearer(gateway_client, admin)
    left = []
    for _ in range(2):
        for client in (api_client, gateway_client):
            path = "/api/shops" if client is api_client else "/api/alarms"
            answer = client.get(path, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["RateLimit-Policy"] == '"calls";q=4;w=60'
            left.append(int(answer.headers["RateLimit"].split(";")[1].removeprefix("r=")))
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0, "both tiers take from one quota"
    for client, path in ((api_client, "/api/shops"), (gateway_client, "/api/alarms")):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["RateLimit"].startswith('"calls";r=0;t=')
        assert refused.headers["Content-Type"] == "application/problem+json"
    other = bearer(gateway_client, stranger)
    assert api_client.get("/api/shops", headers=other).status_code == 200, "another account from there"


def test_addresses_are_believed_from_the_proxy_only(
    api_client: FlaskClient, gateway_client: TestClient, allow: Allow
) -> None:
    allow("ingest=2/minute;page=2/minute")

    def ask(forwarded: str, peer: str) -> int:
        return api_client.get(
            "/api/esp32/config?device_id=N1",
            headers=from_address(forwarded),
            environ_overrides={"REMOTE_ADDR": peer},
        ).status_code

    assert [ask("203.0.113.7", "127.0.0.1") for _ in range(3)] == [200, 200, 429]
    assert ask("203.0.113.8", "127.0.0.1") == 200
    straight = [ask(f"198.51.100.{number}", "192.0.2.1") for number in range(3)]
    assert straight == [200, 200, 429], "a forged header changes nothing"
    forged = [gateway_client.get("/", headers=from_address(f"203.0.113.{n}")).status_code for n in range(3)]
    assert forged == [200, 200, 429], "the test client is not the proxy"


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.7", "address:203.0.113.7"),
        ("::ffff:203.0.113.7", "address:203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("testclient", "address:unknown"),
        (None, "address:unknown"),
    ],
)
def test_whom_an_address_stands_for(address: str | None, subject: str) -> None:
    assert address_subject(address) == subject


def test_sign_ins_and_bad_tokens_are_limited_by_address(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person, allow: Allow
) -> None:
    allow("sign_in=3/minute;refused=4/minute")
    login = {"username": "nobody", "password": "wrong"}
    tries = [gateway_client.post("/api/auth/login", json=login).status_code for _ in range(4)]
    assert tries == [401, 401, 401, 429]
    bad = {"Authorization": "Bearer not.a.token"}
    assert gateway_client.get("/api/alarms", headers=bad).status_code == 401
    assert gateway_client.get("/api/alarms", headers=bad).status_code == 429
    assert [api_client.get("/api/shops", headers=bad).status_code for _ in range(5)] == [401] * 4 + [429]


def test_a_guesser_waits_longer_each_time_and_the_owner_signs_in_meanwhile(
    gateway_client: TestClient, admin: Person
) -> None:
    wrong = {"username": admin.username, "password": "wrong", "delivery": "cookie"}
    right = wrong | {"password": admin.password}
    own = TestClient(gateway_client.app, headers={"X-Requested-With": "tests"})
    assert own.post("/api/auth/login", json=right).status_code == 200  # the browser is known from now on
    tries = [gateway_client.post("/api/auth/login", json=wrong).status_code for _ in range(7)]
    assert tries == [401] * sign_in.FREE_MISSES + [429] * 2
    refused = gateway_client.post("/api/auth/login", json=right)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert own.post("/api/auth/login", json=right).status_code == 200, "same address, known browser"


def test_a_borrowed_session_cannot_try_out_passwords(gateway_client: TestClient, admin: Person) -> None:
    headers = bearer(gateway_client, admin)
    body = {"current_password": "wrong", "new_password": "another good long one"}
    tries = [
        gateway_client.post("/api/auth/change-password", json=body, headers=headers).status_code
        for _ in range(sign_in.FREE_MISSES + 1)
    ]
    assert tries == [401] * sign_in.FREE_MISSES + [429]


def test_the_pause_doubles_is_capped_and_spares_who_has_not_missed() -> None:
    assert [sign_in.pause_seconds(misses, misses) for misses in (1, 4, 5, 6, 8, 14, 15, 10_000)] == (
        [0, 0, 1, 2, 8, 512, 900, 900]
    )
    assert sign_in.pause_seconds(1, sign_in.ACCOUNT_MISSES + 1) == sign_in.ACCOUNT_PAUSE_SECONDS


def test_an_account_guessed_from_everywhere_still_hears_each_first_try(database: None) -> None:
    def miss(source: str) -> None:
        with pytest.raises(UnauthenticatedError), sign_in.attempt("owner", source):
            raise UnauthenticatedError("wrong")

    for number in range(sign_in.ACCOUNT_MISSES + 1):
        miss(f"10.0.0.{number}")
    with sign_in.attempt("Owner", "203.0.113.7"):
        pass
    miss("203.0.113.8")
    with pytest.raises(TooManyRequestsError), sign_in.attempt("owner", "203.0.113.8"):
        pass


def test_without_redis_each_process_counts_by_itself(
    gateway_client: TestClient, api_client: FlaskClient, allow: Allow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    allow("sign_in=2/day")
    login = {"username": "nobody", "password": "wrong"}
    assert [gateway_client.post("/api/auth/login", json=login).status_code for _ in range(3)] == [
        401,
        401,
        429,
    ]
    assert api_client.get("/api/esp32/config?device_id=N1").status_code == 200


def test_a_busy_process_refuses_dashboards_before_changes_and_never_readings() -> None:
    work = Workload(handlers=4, streams=1)
    for _ in range(3):
        work.begin("ingest")
    with pytest.raises(UnavailableError) as refused:
        work.begin("read")
    assert refused.value.headers["Retry-After"] == "2"
    work.begin("write")
    with pytest.raises(UnavailableError):
        work.begin("write")
    work.begin("ingest")
    work.begin("alarm")
    work.begin("stream")
    with pytest.raises(UnavailableError):
        work.begin("stream")
    for kind in ("ingest",) * 4 + ("write", "alarm", "stream"):
        work.end(kind)
    work.begin("read")
    work.begin("stream")


def test_a_busy_api_tier_takes_readings_and_sends_screens_away(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for _ in range(12):
        WORKLOAD.begin("ingest")
    try:
        screen = api_client.get("/api/dashboard/overview", headers=headers)
        reading = api_client.get("/api/esp32/config?device_id=N1")
    finally:
        for _ in range(12):
            WORKLOAD.end("ingest")
    assert (screen.status_code, reading.status_code) == (503, 200)
    assert screen.headers["Retry-After"] == "2"
    assert api_client.get("/api/dashboard/overview", headers=headers).status_code == 200


def test_a_busy_people_s_tier_takes_alarms_in_hand_and_sends_screens_away(
    gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for _ in range(30):
        gateway_limits.WORKLOAD.begin("alarm")
    try:
        screen = gateway_client.get("/api/notifications", headers=headers)
        alarm = gateway_client.post("/api/alarms/1/acknowledge", headers=headers)
    finally:
        for _ in range(30):
            gateway_limits.WORKLOAD.end("alarm")
    assert (screen.status_code, alarm.status_code) == (503, 404)
    assert screen.headers["Retry-After"] == "2"
    assert gateway_client.get("/api/notifications", headers=headers).status_code == 200


def test_costs_add_up_in_one_window(database: None) -> None:
    first = spend("claim", "address:203.0.113.7", 19)
    assert first.remaining == 1
    assert require("claim", "address:203.0.113.9").remaining == 19


@pytest.mark.parametrize("share", [2, 15])
def test_processes_that_count_in_steps_let_through_less_than_a_step_too_many_each(
    database: None, settings: Settings, share: int
) -> None:
    """Of `share` messages the second process gets one."""
    one, other = (Counters(settings.redis_url.get_secret_value()) for _ in range(2))
    key, limit, step = f"steps/{uuid4()}", 100, 10
    known = [
        (other if number % share == 0 else one).add_in_steps(key, seconds=60, amount=1, step=step)
        for number in range(300)
    ]
    let_through = sum(count <= limit for count in known)
    assert limit <= let_through < limit + 2 * step
    assert all(count > limit for count in known[150:])


def test_a_process_that_knows_too_many_callers_counts_the_others_exactly(
    database: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "TALLIES_LIMIT", 1)
    ours = Counters(settings.redis_url.get_secret_value())
    keys = [f"steps/{uuid4()}" for _ in range(2)]
    for key in keys:
        assert ours.add_in_steps(key, seconds=60, amount=1, step=10) == 1
    assert [ours.value(key) for key in keys] == [0, 1]
