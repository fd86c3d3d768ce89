"""From a limit that a person sets to the alarm on their screen, against the running system."""

import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

DEVICE = "ESP32_LIMITS_01"
RINGS_S = 15.0


@pytest.mark.system
def test_a_limit_set_on_the_page_rings_on_it(page: Page, running_system: Any) -> None:
    def send(temperature_c: float) -> None:
        reading = {"device_id": DEVICE, "timestamp": time.time(), "temperature": temperature_c}
        httpx.post(
            f"{running_system.node_url}/api/iot/sensors/data/batch",
            json=[reading],
            trust_env=False,
            timeout=10,
        ).raise_for_status()

    send(-20.0)
    page.goto(running_system.url)
    page.get_by_label("User name or e-mail").fill(running_system.username)
    page.get_by_label("Password").fill(running_system.password)
    page.get_by_role("button", name="Sign in").click()
    page.locator(f'.unclaimed-card[data-device="{DEVICE}"]').get_by_role("link").click()
    expect(page.locator(".device-status")).to_have_text("Online")

    page.get_by_text("Limits on readings").click()
    row = page.locator(".threshold", has_text="Temperature alarm")
    row.locator("summary").click()
    row.get_by_label("Limit (°C)").fill("-10")
    row.get_by_label("Counts after (s)").fill("0")
    page.locator(".thresholds").get_by_role("button", name="Save").click()
    expect(row).to_contain_text("> −10 °C")

    alarm, end = page.locator(".alarm-reading"), time.monotonic() + RINGS_S
    while not alarm.count() and time.monotonic() < end:
        send(-5.0)  # as nodes do, on and on: a process keeps limits for `watching.KEEP_S`
        page.wait_for_timeout(500)
    expect(alarm).to_contain_text("Temperature −5 °C · limit −10 °C")
    page.get_by_text("1 year", exact=True).click()
    expect(page.locator(".chart-value").first).to_contain_text("−5.0 °C")
