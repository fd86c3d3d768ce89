"""A shop behind the scenes: what its owner does there, and what others do not see."""

from fake_accounts import MEMBERS, always
from fake_data import Json
from fake_system import FakeSystem
from playwright.sync_api import Page, expect
from test_pages import sign_in


def test_a_device_gets_a_key_that_is_shown_once_and_another_way_in(page: Page, system: FakeSystem) -> None:
    device: Json = {"device_id": "ESP32_001", "admission": "keyless", "networks": ["192.0.2.0/24"]}
    sent: list[Json] = []

    def admit(body: Json) -> tuple[int, Json]:
        sent.append(body)
        return 200, {"device": device}

    system.machine(1)["device"]["unauthenticated"] = True
    system.answers |= {
        "GET /api/devices/ESP32_001/keys": always(200, device=device, keys=[]),
        "POST /api/devices/ESP32_001/keys": always(201, key={}, secret="scd_new-key"),
        "PUT /api/devices/ESP32_001/admission": admit,
    }
    sign_in(page, system)
    page.get_by_role("link", name="강남점: Devices and people").click()
    entry = page.locator(".row", has_text="ESP32_001")
    expect(entry).to_contain_text("unauthenticated")
    entry.get_by_text("Keys and admission").click()
    entry.get_by_role("button", name="Make a new key").click()
    expect(entry.locator(".secret-text")).to_have_text("scd_new-key")
    entry.get_by_role("button", name="Close").click()
    expect(page.locator("body")).not_to_contain_text("scd_new-key")
    entry.get_by_text("Change how it is let in").click()
    entry.get_by_label("Networks").fill("192.0.2.0/24, 198.51.100.7/32")
    entry.get_by_role("button", name="Save").click()
    expect(entry.get_by_role("button", name="Save")).to_be_hidden()
    assert sent == [{"admission": "keyless", "networks": ["192.0.2.0/24", "198.51.100.7/32"]}]


def test_only_owners_and_administrators_are_offered_changes(page: Page, system: FakeSystem) -> None:
    manager = {"id": 9, "username": "choi", "role": "user"}
    mine = {
        "user_id": 9,
        "username": "choi",
        "full_name": "최세리",
        "role": "store_manager",
        "expires_at": None,
    }
    system.answers |= {
        "POST /api/auth/login": always(200, user=manager),
        "GET /api/members/1": always(200, data=[*MEMBERS, mine]),
    }
    sign_in(page, system, "/shops/1")
    expect(page.locator(".row", has_text="lee")).to_contain_text("owner")
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    expect(page.get_by_role("heading", name="Invitations")).to_have_count(0)
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)
    system.answers["GET /api/members/1"] = always(200, data=[*MEMBERS, mine | {"role": "store_owner"}])
    page.get_by_role("link", name="All machines").click()
    page.get_by_role("link", name="강남점: Devices and people").click()
    expect(page.get_by_role("button", name="Remove")).to_have_count(2)
    expect(page.get_by_role("heading", name="Invitations")).to_be_visible()
