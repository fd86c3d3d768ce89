"""Availability: probes of a system that answers and of none, what counts, and who may read it."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.clock import utc_now
from signalcraft.dashboards.availability import availability_now
from signalcraft.db.session import unit_of_work
from signalcraft.monitor import probes
from signalcraft.monitor.probes import Probes, record
from system_instance import SystemInstance

NOBODY = "http://127.0.0.1:9"


class _Starting(BaseHTTPRequestHandler):
    """Shows the page from its cache, and has no database."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/ready" else 200)
        self.end_headers()
        self.wfile.write(b'<script type="module" src="/app.js"></script>')

    def log_message(self, format: str, *args: object) -> None:
        """Not on the terminal."""


@pytest.fixture
def without_database() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Starting)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.system
def test_a_running_system_passes_its_probes(running_system: SystemInstance) -> None:
    people, nodes = running_system.url, running_system.node_url
    assert Probes(people, nodes).failure() is None
    assert Probes(people, NOBODY).failure() == "reading: no answer (ConnectError)"


def test_a_page_without_a_database_behind_it_is_not_enough(without_database: str) -> None:
    assert Probes(without_database, without_database).failure() == "ready: answers 503"
    assert Probes(NOBODY, NOBODY).failure() == "page: no answer (ConnectError)"


def test_an_incident_lasts_from_the_first_failure_to_the_first_answer(database: None) -> None:
    start = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    causes = [None, "page: x", "ready: y", None, None, "page: z"]
    with unit_of_work() as session:
        for step, cause in enumerate(causes):
            record(session, start + timedelta(seconds=10 * step), cause)
        found = availability_now(session)
    assert found.availability == pytest.approx(3 / 6)
    assert (found.failed_s, found.budget_s) == (30, 2592)
    assert found.unknown_s >= 3600 - 60
    lasting, over = found.incidents
    assert (lasting.cause, lasting.ended_at) == ("page: z", None)
    assert over.cause == "page: x"
    assert over.ended_at is not None
    assert over.ended_at - over.began_at == timedelta(seconds=20)


def test_rounds_made_while_the_database_is_away_are_kept_for_later(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = Probes(NOBODY, NOBODY)

    def away() -> None:
        raise OperationalError("", {}, Exception("away"))

    with monkeypatch.context() as gone:
        gone.setattr(probes, "unit_of_work", away)
        for _ in range(2):
            with pytest.raises(OperationalError):
                prober.run()
    prober.run()
    with unit_of_work() as session:
        found = availability_now(session)
    assert (found.availability, found.failed_s, len(found.incidents)) == (0.0, 30, 1)


def test_availability_is_for_administrators(gateway_client: TestClient, admin: Person, owner: Person) -> None:
    address = "/api/monitoring/availability"
    assert gateway_client.get(address).status_code == 401
    assert gateway_client.get(address, headers=bearer(gateway_client, owner)).status_code == 403
    answer = gateway_client.get(address, headers=bearer(gateway_client, admin))
    assert answer.json()["data"]["availability"] is None
