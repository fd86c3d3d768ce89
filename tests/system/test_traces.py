"""One trace leads from the proxy through a tier and the queue to the worker, whatever a client says of it."""

import time
from typing import Any

import httpx
import numpy as np
import pytest

from sentry_collector import Collector
from system_instance import SystemInstance

SECONDS = 30.0
OWN_TRACE = {"sentry-trace": f"{'ab' * 16}-{'cd' * 8}-0", "baggage": "sentry-sampled=false"}
"""What a client would have, which wants not to be traced."""


@pytest.mark.system
def test_a_clip_is_one_trace_from_the_proxy_to_the_worker(
    running_system: SystemInstance, tracker: Collector
) -> None:
    clip = np.random.default_rng(3).normal(0, 3000, 32_000).astype(np.int16)
    answer = running_system.post_clip("TRACED_NODE", clip, headers=OWN_TRACE)
    # The proxy's own id of a request without one is the trace's as well.
    trace = answer.headers["X-Request-ID"]
    found = _transactions(tracker, trace, {"api", "worker"})
    upload, analysis = found["api"], found["worker"]
    assert analysis["transaction"] == "acoustics.analyse"
    assert upload["transaction"] == "POST /api/esp32/audio/upload"
    assert analysis["contexts"]["trace"]["parent_span_id"] == upload["contexts"]["trace"]["span_id"]


@pytest.mark.system
def test_a_page_is_traced_and_a_look_at_its_health_is_not(
    running_system: SystemInstance, tracker: Collector
) -> None:
    healthy = httpx.get(f"{running_system.url}/live", trust_env=False)
    page = httpx.get(f"{running_system.url}/api/auth/verify", headers=OWN_TRACE, trust_env=False)
    found = _transactions(tracker, page.headers["X-Request-ID"], {"gateway"})
    assert found["gateway"]["contexts"]["trace"]["op"] == "http.server"
    assert _transactions(tracker, healthy.headers["X-Request-ID"], set()) == {}


def _transactions(tracker: Collector, trace: str, processes: set[str]) -> dict[str, dict[str, Any]]:
    """What became of a trace, by process, once it has come to these."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = {
            one["tags"]["process"]: one
            for one in tracker.items("transaction")
            if one["contexts"]["trace"]["trace_id"] == trace
        }
        if processes <= set(found):
            return found
        assert time.monotonic() < deadline, f"{trace} came to {set(found)}"
        time.sleep(0.1)
