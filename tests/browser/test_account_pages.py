"""What a person does with their own account."""

from fake_accounts import FACTOR, SESSIONS, always
from fake_data import Json
from fake_system import FakeSystem
from playwright.sync_api import Page, expect
from test_pages import sign_in

CODES = [f"ABCDEF-GHJKMN-PQRSTV-WXYZ2{number}" for number in range(10)]
QR = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def test_an_administrator_who_must_enrol_is_led_there_and_then_on(page: Page, system: FakeSystem) -> None:
    user = {"id": 1, "username": "admin", "role": "admin"}
    system.answers |= {
        "POST /api/auth/login": always(200, user=user, enrolment_required=True),
        "GET /api/auth/second-factor": always(200, **FACTOR | {"required": True}),
        "POST /api/auth/second-factor/enrol": always(200, secret="JBSW Y3DP", uri="otpauth://", qr_svg=QR),
    }
    sign_in(page, system, "/admin/users")
    expect(page).to_have_url(f"{system.url}/account")
    expect(page.get_by_text("Administrators must have a second factor.")).to_be_visible()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_have_count(0)
    page.get_by_label("Current password").fill("right")
    page.get_by_role("button", name="Turn it on").click()
    picture = page.get_by_role("img", name="QR code")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    wrong = {"field": "code", "message": "The code is wrong. 인증 코드가 올바르지 않습니다."}
    system.answers["POST /api/auth/second-factor/confirm"] = lambda body: (
        (200, {"recovery_codes": CODES})
        if body["code"] == "123456"
        else (401, {"detail": "", "errors": [wrong]})
    )
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".field-problem").last).to_have_text("The code is wrong.")
    assert "POST /api/auth/refresh" not in system.calls[system.calls.index("POST /api/auth/login") :]
    page.get_by_label("Code", exact=True).fill("123456")
    enrolled = FACTOR | {"enrolled": True, "required": True, "used": True, "recovery_codes_left": 10}
    system.answers["GET /api/auth/second-factor"] = always(200, **enrolled)
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".secret-text")).to_have_text("\n".join(CODES))
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(CODES[0])


def test_a_token_is_made_with_chosen_rights_and_its_secret_is_shown_once(
    page: Page, system: FakeSystem
) -> None:
    sent: list[Json] = []

    def create(body: Json) -> tuple[int, Json]:
        sent.append(body)
        return 201, {"token": {}, "secret": "sct_the-whole-secret"}

    system.answers["POST /api/account/tokens"] = create
    sign_in(page, system)
    expect(page.get_by_role("heading", name="강남점")).to_be_visible()
    page.get_by_role("link", name="My account").click()
    page.get_by_text("Make a token").first.click()
    page.get_by_label("Name of the token").fill("night export")
    page.get_by_label("Download data").check()
    page.get_by_label("분당점").check()
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator(".secret-text")).to_have_text("sct_the-whole-secret")
    assert sent == [{"name": "night export", "permissions": ["fleet.read", "export.read"], "shop_ids": [2]}]
    page.reload()
    expect(page.locator(".row", has_text="night export")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("whole-secret")


def test_what_cannot_be_undone_is_asked_again(page: Page, system: FakeSystem) -> None:
    system.answers["POST /api/auth/logout-everywhere"] = always(200, ended=2)
    system.answers[f"DELETE /api/auth/sessions/{SESSIONS[1]['id']}"] = always(
        409, detail="It is over already. 이미 끝났습니다."
    )
    sign_in(page, system, "/account")
    page.locator(".row", has_text="iPhone").get_by_role("button", name="End").click()
    expect(page.locator(".row", has_text="iPhone").get_by_role("alert")).to_have_text("It is over already.")
    everywhere = page.get_by_role("button", name="Sign out everywhere")
    everywhere.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(everywhere).to_be_focused()
    assert "POST /api/auth/logout-everywhere" not in system.calls
    everywhere.click()
    everywhere.click()
    expect(page.get_by_label("User name or e-mail")).to_be_visible()
    assert system.calls.count("POST /api/auth/logout-everywhere") == 1
