"""What the operator is told, how often, by which way, and what a message proves."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.db.session import unit_of_work
from signalcraft.mail.models import OutgoingMail
from signalcraft.monitor import alerts as alerting
from signalcraft.monitor.alerts import Alerts
from signalcraft.monitor.conditions import CONDITIONS
from signalcraft.monitor.facts import Facts
from signalcraft.monitor.heartbeat import Heartbeat
from signalcraft.monitor.looks import Looks
from signalcraft.monitor.probes import Probes
from signalcraft.monitor.sampling import Look
from signalcraft.monitor.telling import Teller
from signalcraft.observability.alert_catalogue import BY_NAME, CATALOGUE
from signalcraft.settings import Settings, get_settings

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


class Receiver:
    """Takes what is posted, or refuses it."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Not on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


class World:
    """A monitor that sees what it is shown, and its clock."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = Looks()
        self.settings = settings
        self._now = 1000.0
        monkeypatch.setattr(alerting, "monotonic", lambda: self._now)
        self.facts = Facts(self.looks, Probes(settings, "http://127.0.0.1:9"))
        self.alerts = self.another()

    def another(self) -> Alerts:
        return Alerts(self.facts, Teller(self.settings), reminder=timedelta(hours=24))

    def show_disk(self, free: int) -> None:
        host = {
            "disk_free_bytes": free,
            "disk_total_bytes": 100,
            "memory_used_bytes": 1,
            "memory_total_bytes": 9,
        }
        self.looks.remembering("host", lambda: Look(host))()

    def wait(self, seconds: float) -> None:
        self._now += seconds
        self.alerts.judge()


@pytest.fixture
def world(settings: Settings, database: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> World:
    named = {
        "SIGNALCRAFT_OPERATOR_MAIL": "operator@shop.example",
        "SIGNALCRAFT_OPERATOR_WEBHOOK_URL": receiver.url,
        "SIGNALCRAFT_OPERATOR_WEBHOOK_SECRET": SECRET,
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    told = get_settings()
    monkeypatch.undo()
    get_settings.cache_clear()
    return World(told, monkeypatch)


def test_each_condition_has_its_test_its_texts_and_its_place_in_the_runbook() -> None:
    assert set(CONDITIONS) == set(BY_NAME)
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.strip("# \n").lower()).replace(" ", "-")
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("## ")
    }
    assert {condition.runbook for condition in CATALOGUE} <= headings


def test_the_operator_is_told_once_when_it_begins_and_once_when_it_is_over(
    world: World, receiver: Receiver
) -> None:
    world.show_disk(free=5)
    world.wait(0)
    assert receiver.got == [], "a full disk is told when it has lasted"
    world.wait(300)
    for _ in range(3):
        world.wait(15)
    world.show_disk(free=50)
    world.wait(60)
    world.show_disk(free=5)
    world.wait(15)
    world.show_disk(free=50)
    world.wait(15)
    world.wait(200)
    begun, ended = receiver.documents()
    assert (begun["type"], ended["type"]) == ("operator_alert.begun", "operator_alert.ended")
    assert begun["data"]["name"] == "disk_full"
    assert begun["data"]["first_step"]["ko"]
    with unit_of_work() as session:
        mails = session.scalars(select(OutgoingMail)).all()
    assert [mail.recipient for mail in mails] == ["operator@shop.example"] * 2
    assert {mail.state for mail in mails} == {"delivered"}, "it is not left to a worker that may be gone"


def test_a_monitor_that_starts_anew_tells_nothing_twice_and_reminds_after_a_day(
    world: World, receiver: Receiver
) -> None:
    world.show_disk(free=5)
    world.wait(0)
    world.wait(300)
    world.alerts = world.another()
    world.wait(15)
    assert not world.alerts.is_well
    assert len(receiver.got) == 1
    world.alerts._reminder = timedelta()
    world.wait(15)
    assert [one["type"] for one in receiver.documents()] == ["operator_alert.begun", "operator_alert.lasts"]


def test_without_the_database_mail_goes_all_the_same(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = get_settings().data_dir / "mail"
    before = set(folder.glob("*.eml"))

    def away() -> None:
        raise OperationalError("", {}, Exception("away"))

    with monkeypatch.context() as gone:
        gone.setattr(alerting, "unit_of_work", away)
        gone.setattr("signalcraft.monitor.facts.unit_of_work", away)
        world.show_disk(free=5)
        world.wait(0)
        world.wait(300)
        assert len(set(folder.glob("*.eml")) - before) == 1
    world.wait(15)
    with unit_of_work() as session:
        assert session.scalars(select(OutgoingMail)).all() == []
    assert len(receiver.got) == 1


def test_what_is_posted_is_signed_and_posted_again_until_it_is_taken(
    world: World, receiver: Receiver
) -> None:
    receiver.status = 503
    world.show_disk(free=5)
    world.wait(0)
    world.wait(300)
    receiver.status = 200
    world.wait(15)
    world.wait(15)
    (first, body), (second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    signed = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + again
    expected = base64.b64encode(hmac.digest(b"k" * 32, signed, hashlib.sha256)).decode()
    assert second["webhook-signature"] == f"v1,{expected}"


def test_the_sign_of_life_stops_while_something_critical_lasts(world: World, receiver: Receiver) -> None:
    beating = Heartbeat(receiver.url, world.alerts)
    beating.beat()
    assert len(receiver.got) == 1
    world.show_disk(free=5)
    world.wait(0)
    world.wait(300)
    receiver.got.clear()
    beating.beat()
    assert receiver.got == []


def test_a_process_that_ends_again_and_again_is_found(world: World) -> None:
    for restarts in (0, 1, 4):
        rows = {"processes": [{"name": "api-blue", "status": "online", "restarts": restarts}]}
        world.looks.remembering("processes", lambda rows=rows: Look(rows))()  # type: ignore[misc]
        world.facts.gather()
    assert list(CONDITIONS["process_restarting"](world.facts)) == [("api-blue", "4 / 10 min")]


def test_the_page_shows_what_lasts(world: World, gateway_client: TestClient, admin: Person) -> None:
    world.show_disk(free=5)
    world.wait(0)
    world.wait(300)
    found = gateway_client.get(
        "/api/monitoring/operator-alerts", headers=bearer(gateway_client, admin)
    ).json()
    [lasting] = found["data"]["lasting"]
    assert (lasting["name"], lasting["severity"], lasting["ended_at"]) == ("disk_full", "critical", None)
    assert lasting["runbook"] == "the-disk-fills"
