"""An administrator looks at the system itself."""

import json
import time
from typing import Any

from fake_accounts import always
from fake_data import Json
from fake_system import FakeSystem
from playwright.sync_api import Page, expect
from test_pages import sign_in

WORKERS = [
    {"pid": pid, "cpu_percent": 1.0, "memory_bytes": 50 * 1024**2, "uptime_s": 60.0} for pid in (10, 11)
]
PROCESS = {
    "name": "api-blue",
    "status": "online",
    "pid": 10,
    "restarts": 3,
    "uptime_s": 3 * 86_400,
    "memory_bytes": 100 * 1024**2,
    "cpu_percent": 2.5,
    "workers": WORKERS,
}
TIER = {
    "answers": True,
    "requests_per_s": 4.0,
    "errors_per_s": 0.0,
    "p50_s": 0.01,
    "p95_s": 0.02,
    "p99_s": 0.05,
}
TIERS = {
    "tiers": {"gateway": TIER, "api": TIER, "link": {"answers": False}},
    "releases": [{"colour": "blue", "release": "0.2.0"}],
    "pool_in_use": 1.0,
    "pool_open": 4.0,
    "event_streams": 2.0,
    "connected_nodes": 0.0,
}


def _history() -> Json:
    now = int(time.time() * 1000)
    times = [now - 10_000 * step for step in range(60, 0, -1)]
    mark = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000 - 300))
    return {
        "hours": 1,
        "span_s": 10,
        "sections": {"host": {"taken_at": times, "numbers": {"cpu_percent": [42.0] * 60}}},
        "releases": [{"seen_at": mark, "colour": "blue", "release": "0.2.0"}],
    }


def _frame(running: bool, **documents: Json) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sections = [{"name": name, "taken_at": at, "document": document} for name, document in documents.items()]
    return f"data: {json.dumps({'generated_at': at, 'running': running, 'sections': sections})}\n\n"


def _serve_stream(page: Page, body: str) -> None:
    def answer(route: Any) -> None:
        route.fulfill(status=200, content_type="text/event-stream", body=f"retry: 200\n\n{body}")

    # The newest route wins; taking the old one away first would leave a moment without any.
    page.route("**/api/monitoring/stream", answer)


def test_the_page_shows_charts_and_follows_the_system_live(page: Page, system: FakeSystem) -> None:
    system.answers["GET /api/monitoring/history"] = always(200, data=_history())
    _serve_stream(page, _frame(True, processes={"processes": [PROCESS], "pm2_pid": 1}, tiers=TIERS))
    sign_in(page, system, "/admin/monitoring")
    expect(page.get_by_role("link", name="Monitoring")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("img", name="CPU").locator("canvas")).to_be_visible()
    expect(page.locator(".system-chart", has_text="CPU")).to_contain_text("42 %")
    row = page.locator("tr", has_text="api-blue")
    expect(row).to_contain_text("3 days")
    expect(page.locator("tr", has=page.get_by_role("rowheader", name="link"))).to_contain_text(
        "does not answer"
    )
    row.get_by_text("api-blue × 2").click()
    expect(row.get_by_text("11 · 1.0 %")).to_be_visible()
    _serve_stream(
        page, _frame(False, processes={"processes": [PROCESS | {"status": "errored"}], "pm2_pid": 1})
    )
    expect(row).to_contain_text("errored")
    expect(row.get_by_text("11 · 1.0 %")).to_be_visible()
    expect(page.get_by_text("The monitor does not run.")).to_be_visible()
    page.locator(".segments").get_by_text("7 days").click()
    page.wait_for_function("document.querySelectorAll('.system-chart canvas').length === 10")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
