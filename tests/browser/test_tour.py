"""The tour: from a node's sound to a diagnosis on the owner's screen, against the running system.

Needs the fixture `running_system`: `url`, `username`, `password` of the administrator, and
`post_clip(device_id, samples)`, which sends 16 kHz PCM16 as a node does.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from signalcraft.anomaly.decision import FASTEST
from signalcraft.simulation.machine import Fault, VirtualMachine

LEARNING_CLIPS = 60
DEVICE = "ESP32_TOUR_01"
STARTS_AND_STOPS = 12
"""Clips in which it starts, stops or has its door open count for states of their own."""
DAY_S = 86_400.0
# An alarm on the open page within a second of its clip, with room for two shared cores.
AT_ONCE_MS = 3_000


def recordings(machine: VirtualMachine, begin_s: float) -> Iterator[NDArray[np.int16]]:
    """Clips one minute apart while the machine runs with its door closed."""
    at = begin_s
    while True:
        if machine.runs_through(at):
            yield machine.clip(at)
        at += 60


@pytest.mark.system
def test_from_an_unknown_device_to_an_acknowledged_alarm(
    page: Page, running_system: Any, tmp_path: Path
) -> None:
    machine = VirtualMachine(7, fault=Fault(starts_at=2 * DAY_S, grows_over_s=60))
    healthy = recordings(machine, 0)
    running_system.post_clip(DEVICE, next(healthy))

    page.goto(running_system.url)
    page.get_by_label("User name or e-mail").fill(running_system.username)
    page.get_by_label("Password").fill(running_system.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".connection")).to_have_text("Live")

    waiting = page.locator(f'.unclaimed-card[data-device="{DEVICE}"]')
    waiting.get_by_text("Add to a shop").click()
    waiting.get_by_label("Name of the machine").fill("Ice-cream freezer")
    waiting.get_by_role("combobox").select_option("Create a new shop…")
    waiting.get_by_label("Name of the new shop").fill("Tour shop")
    waiting.get_by_label("old node").check()
    waiting.get_by_role("button", name="Add as a machine").click()
    card = page.locator(".machine-card", has_text="Ice-cream freezer")
    expect(card.locator(".light-badge")).to_have_text("Learning")
    expect(card.locator(".learning")).to_contain_text(f"of {LEARNING_CLIPS} clips")

    for _ in range(LEARNING_CLIPS + STARTS_AND_STOPS):
        running_system.post_clip(DEVICE, next(healthy))
    expect(card.locator(".light-badge")).to_have_text("Healthy", timeout=30_000)
    expect(card.locator(".diagnosis")).to_contain_text("Normal")

    faulty = recordings(machine, 2 * DAY_S + 3600)
    for _ in range(FASTEST):
        running_system.post_clip(DEVICE, next(faulty))
    expect(card.locator(".alarm")).to_be_visible(timeout=AT_ONCE_MS)
    expect(card.locator(".light-badge")).to_have_text("Act now")
    expect(page).to_have_title(re.compile(r"^\(\d+\) SignalCraft$"))

    card.get_by_role("link").click()
    expect(page.locator(".spectrogram image")).to_be_visible()
    expect(page.locator(".analysis-detail .verdict")).to_contain_text("Unusual")
    expect(page.locator(".band-item").first).to_be_visible()
    player = page.locator("audio.player").first
    # Metadata is enough for the length; the page's policy forbids the strings that Playwright would wait on.
    expect(player).not_to_have_js_property("readyState", 0)
    assert player.evaluate("player => player.duration") > 9
    page.get_by_role("button", name="I'm on it").click()
    expect(page.locator(".machine-alarm")).to_contain_text(f"{running_system.username} has seen this")
    page.screenshot(path=tmp_path / "tour.png", full_page=True)


@pytest.mark.system
def test_the_api_page_shows_the_documents_of_both_tiers(page: Page, running_system: Any) -> None:
    page.goto(f"{running_system.url}/api/docs")
    expect(page.locator(".opblock-summary-path", has_text="/api/auth/login")).to_be_visible()
    page.get_by_label("Select a definition").select_option("Machines (api)")
    expect(page.locator(".opblock-summary-path", has_text="/api/esp32/audio/upload")).to_be_visible()
