"""What the processes count: right over all of a server's processes, and only with labels that are known."""

import subprocess
import sys
from pathlib import Path

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from people import Person, bearer
from signalcraft.metrics import free_place

COUNTING = """
import sys
from signalcraft import metrics
place, amount = sys.argv[1:]
metrics.take_place(place)
metrics.READINGS.labels("stored").inc(int(amount))
metrics.STREAMS.inc(int(amount))
for _ in range(int(amount)):
    metrics.count_request("GET", "/live", 200, 0.003)
"""


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


def run(folder: Path, code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder: Path) -> str:
    return run(folder, "from signalcraft import metrics; print(metrics.exposition().decode())")


def test_processes_of_a_server_are_added_up_and_a_successor_goes_on(tmp_path: Path) -> None:
    run(tmp_path, COUNTING, "0", "3")
    run(tmp_path, COUNTING, "1", "4")
    files = set(tmp_path.iterdir())
    assert value(written(tmp_path), "signalcraft_event_streams") == 7
    run(tmp_path, COUNTING, "0", "5")  # the one before it at this place is gone, and with it its streams
    text = written(tmp_path)
    assert value(text, "signalcraft_readings_total", outcome="stored") == 12
    assert value(text, "signalcraft_http_requests_total", method="GET", route="/live", status="200") == 12
    assert value(text, "signalcraft_event_streams") == 9
    bucket = {"method": "GET", "route": "/live", "le": "0.005"}
    assert value(text, "signalcraft_http_request_duration_seconds_bucket", **bucket) == 12
    run(tmp_path, "from signalcraft import metrics; metrics.leave_place('1')")
    assert value(written(tmp_path), "signalcraft_event_streams") == 5
    assert {file.name for file in tmp_path.iterdir() if "_1.db" in file.name} == {
        file.name for file in files if "_1.db" in file.name and not file.name.startswith("gauge")
    }


def test_a_place_is_free_once_nobody_living_has_it() -> None:
    assert free_place([]) == "0"
    assert free_place(["0", "2"]) == "1"


def test_requests_are_counted_by_their_route_never_by_what_was_asked(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for number in range(3):
        api_client.get(f"/api/machines/{number}", headers=headers)
        api_client.get(f"/guess-{number}")
        gateway_client.get(f"/static/guess-{number}.js")
        gateway_client.get(f"/guess-{number}")
        gateway_client.request("BREW", "/live")
    text = gateway_client.get("/metrics").text  # both tiers are in one process here
    routes = {labels["route"] for name, labels in _labels(text) if name == "signalcraft_http_requests_total"}
    assert {"/api/machines/{machine_id}", "unmatched", "/static/{path}", "/api/auth/login"} <= routes
    assert not [route for route in routes if "guess" in route]
    methods = {
        labels["method"] for name, labels in _labels(text) if name == "signalcraft_http_requests_total"
    }
    assert "other" in methods
    assert "BREW" not in methods


def _labels(text: str) -> list[tuple[str, dict[str, str]]]:
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_the_numbers_are_not_there_for_who_comes_through_the_proxy(
    api_client: FlaskClient, gateway_client: TestClient
) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert api_client.get("/metrics").status_code == 200
    assert api_client.get("/metrics", headers=forwarded).status_code == 404
    assert gateway_client.get("/metrics").status_code == 200
    assert gateway_client.get("/metrics", headers=forwarded).status_code == 404
