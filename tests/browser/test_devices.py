"""Devices on the pages: how they do, what they are told, when their readings ring."""

import hashlib

from fake_data import ago
from fake_system import FakeSystem
from playwright.sync_api import Page, expect
from test_pages import sign_in


def test_a_device_tells_how_it_does_and_is_told_what_to_do(page: Page, system: FakeSystem) -> None:
    system.devices.cards[0]["id_conflict_at"] = ago(minutes=2)
    sign_in(page, system, "/machines/1")
    device = page.locator(".device")
    expect(device.locator(".device-status")).to_have_text("Online")
    expect(device.locator(".device-conflict")).to_contain_text("Two devices send under this name")
    expect(device.locator(".device-facts")).to_contain_text("−61 dBm · fair")
    expect(device.locator(".health-score")).to_have_text("75 / 100 · warning")
    expect(device.locator(".health-terms li")).to_have_count(3)

    device.get_by_text("Settings and commands").click()
    device.get_by_label("Upload interval (s)").fill("30")
    device.get_by_role("button", name="Save").click()
    expect(device.locator(".settings-form")).to_contain_text("Waiting for the device to confirm.")
    assert system.devices.settings["upload_interval_s"] == 30

    device.get_by_role("button", name="Restart").click()
    newest = device.locator(".command").first
    expect(newest).to_contain_text("Restartwaiting")
    system.devices.commands[0] |= {"state": "acknowledged", "finished_at": ago(seconds=0)}
    event = {"type": "device.command", "machine_id": 1, "device_id": "ESP32_001"}
    system.push(event | {"command": {"id": 2, "kind": "restart", "state": "acknowledged", "message": None}})
    expect(newest).to_contain_text("Restartdone")
    device.locator(".command", has_text="Settings").get_by_role("button", name="Cancel").click()
    expect(device.locator(".command", has_text="Settings")).to_contain_text("cancelled")


def test_who_may_only_look_is_offered_nothing_else(page: Page, system: FakeSystem) -> None:
    system.devices.may = []
    sign_in(page, system, "/machines/1")
    page.get_by_text("Settings and commands").click()
    page.get_by_text("Limits on readings").click()
    page.get_by_text("Temperature alarm").click()
    expect(page.get_by_label("Upload interval (s)")).to_be_disabled()
    expect(page.get_by_label("Limit (°C)").first).to_be_disabled()
    for place in (".device", ".thresholds"):
        expect(page.locator(place).get_by_role("button")).to_have_count(0)
    expect(page.locator(".export")).to_be_hidden()


def test_a_limit_is_refused_at_its_field_and_changed_and_taken_back(page: Page, system: FakeSystem) -> None:
    sign_in(page, system, "/machines/1")
    page.get_by_text("Limits on readings").click()
    row = page.locator(".threshold", has_text="Temperature alarm")
    expect(row).to_contain_text("> 5 °C for 5 mins")
    row.locator("summary").click()
    limit = row.get_by_label("Limit (°C)")
    save = page.locator(".thresholds").get_by_role("button", name="Save")
    limit.fill("300")
    save.click()
    expect(row.locator(".field-problem").first).to_have_text(
        "Not allowed: The sensor measures -55 to 125 °C."
    )
    expect(limit).to_be_focused()
    limit.fill("-10")
    save.click()
    expect(row.locator("summary")).to_contain_text("> −10 °C for 5 minsringsthis device")
    assert system.devices.own_limits == {"temperature_alert": {"limit": -10}}
    row.locator("summary").click()
    row.get_by_role("button", name="Back to default").click()
    save.click()
    expect(row.locator("summary")).to_contain_text("> 5 °C")
    assert system.devices.own_limits == {}


def test_a_year_shows_its_peaks_and_gaps_and_comes_as_a_file(page: Page, system: FakeSystem) -> None:
    sign_in(page, system, "/machines/1")
    page.get_by_text("1 year", exact=True).click()
    expect(
        page.get_by_text("lowest and highest of each hour · 700 readings · 3 arrived late")
    ).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "ESP32_001.csv"


def test_an_event_of_a_device_leaves_its_alarm_and_changes_its_state(page: Page, system: FakeSystem) -> None:
    alarm = system.raise_alarm(1, tell=False)
    alarm["reading"] = {
        "device_id": "ESP32_001",
        "field": "silence",
        "value": 420.0,
        "unit": "s",
        "limit": 300.0,
        "since": ago(minutes=7),
        "measured_at": ago(minutes=7),
    }
    sign_in(page, system, "/machines/1")
    expect(page.locator(".alarm-reading")).to_contain_text("No data for 7 mins · limit 5 mins")
    silent = {"device_id": "ESP32_001", "status": "offline", "last_seen_at": ago(minutes=7)}
    system.push({"type": "device.status", "machine_id": 1, "device": silent})
    expect(page.locator(".machine-head .device-line")).to_contain_text("Offline")
    expect(page.locator(".alarm-reading")).to_be_visible()


def test_firmware_is_taken_in_and_brought_to_a_share_of_the_devices(page: Page, system: FakeSystem) -> None:
    system.devices.cards[1] |= {
        "status": "offline",
        "health": system.devices.cards[1]["health"] | {"score": None},
    }
    sign_in(page, system)
    page.get_by_role("link", name="Devices", exact=True).click()
    rows = page.locator(".device-row")
    expect(rows.first).to_contain_text("ESP32_002")  # what is missed comes first
    expect(page.locator(".tally")).to_contain_text("1 Offline")
    page.get_by_label("Find a device").fill("강남")
    expect(rows).to_have_count(1)

    page.get_by_text("Add firmware").click()
    image = b"\xe9 an image"
    page.get_by_label("Image (.bin)").set_input_files(
        {"name": "node.bin", "mimeType": "application/octet-stream", "buffer": image}
    )
    digest = hashlib.sha256(image).hexdigest()
    lines = f"X-Firmware-Version: 1.4.0\nX-Firmware-Hardware: ESP32_v1\nX-SHA256: {digest}"
    signed = page.get_by_label("Lines printed by the signing command")
    signed.fill(f"{lines}\nX-Firmware-Signature: forged")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".upload-form .form-problem").last).to_have_text(
        "The signature is not one of the operator's."
    )
    signed.fill(f"{lines}\nX-Firmware-Signature: signed")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".firmware .model")).to_contain_text("1.4.0ESP32_v1")

    rollouts = page.locator(".rollouts")
    rollouts.get_by_label("Shop").select_option("강남점")
    rollouts.get_by_role("button", name="Begin").click()
    running = rollouts.locator(".rollout-running")
    expect(running).to_contain_text("waiting 1 · downloading 1 · done 3 · failed 1")
    running.get_by_label("Share of devices (%)").fill("50")
    running.get_by_role("button", name="Widen").click()
    expect(running).to_contain_text("50 %")
    running.get_by_label("Reason (optional)").fill("too many failures")
    running.get_by_role("button", name="Roll back").click()
    expect(rollouts.locator(".rollout-rolled_back")).to_contain_text("too many failures")
