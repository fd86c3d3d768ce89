"""The numbers of a running system: on the loopback ports of its own, nowhere else."""

import json
import time

import httpx
import pytest

from system_instance import SystemInstance

pytestmark = pytest.mark.system


def test_every_process_says_its_numbers_where_prometheus_looks(running_system: SystemInstance) -> None:
    targets = json.loads((running_system.folder / "data/run/prometheus-targets.json").read_text())
    said = {}
    for target in targets:
        name, colour = target["labels"]["process"], target["labels"].get("colour", "blue")
        if colour == "blue":
            address = f"http://{target['targets'][0]}/metrics"
            said[name] = _until(address, "signalcraft_")
    for name in ("gateway", "api", "link", "worker"):
        assert 'signalcraft_release_info{colour="blue"' in said[name]
    assert 'signalcraft_http_requests_total{method="GET",route="/ready",status="200"}' in said["api"]
    scheduler = next(target for target in targets if target["labels"]["process"] == "scheduler")
    assert "signalcraft_scheduled_tasks_total{" in _until(
        f"http://{scheduler['targets'][0]}/metrics", "telemetry.follow_thresholds"
    )
    for fact in (
        "signalcraft_queue_messages{",
        "signalcraft_disk_free_bytes ",
        'store_up{store="database"} 1.0',
    ):
        assert fact in said["monitor"]


def test_nobody_gets_them_through_the_public_ports(running_system: SystemInstance) -> None:
    for port in running_system.public_ports:
        for path in (
            "/metrics",
            "/metrics/",
            "//metrics",
            "/api/flask/metrics",
            "/ws/metrics",
            "/ws/../metrics",
        ):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
            assert answer.status_code in {404, 405}, path
            assert "signalcraft_" not in answer.text


def _until(address: str, wanted: str, seconds: float = 15.0) -> str:
    """The numbers, once they hold this."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            text = httpx.get(address, trust_env=False).text
        except httpx.TransportError:
            text = ""
        if wanted in text or time.monotonic() > deadline:
            assert wanted in text, address
            return text
        time.sleep(0.2)
