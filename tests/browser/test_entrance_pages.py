"""The pages before the sign-in: its two steps, and those that links in mails lead to."""

from fake_accounts import always
from fake_data import Json
from fake_system import FakeSystem
from playwright.sync_api import Page, expect

TOKEN = "mail-token-which-nobody-else-may-see"


def test_the_second_step_asks_for_the_code_and_leads_on(page: Page, system: FakeSystem) -> None:
    def second_step(body: Json) -> tuple[int, Json]:
        if body != {"ticket": "ticket-1", "code": "123456"}:
            return 401, {
                "detail": "The code is wrong. 인증 코드가 올바르지 않습니다.",
                "errors": [{"field": "code", "message": "The code is wrong. 인증 코드가 올바르지 않습니다."}],
            }
        return 200, {"user": {"id": 1, "username": "kim", "role": "user"}, "enrolment_required": False}

    system.answers["POST /api/auth/login"] = always(202, second_factor_required=True, ticket="ticket-1")
    system.answers["POST /api/auth/second-factor"] = second_step
    page.goto(f"{system.url}/machines/1")
    page.get_by_label("User name or e-mail").fill("kim")
    page.get_by_label("Password").fill("right")
    page.get_by_role("button", name="Sign in").click()
    code = page.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".field-problem")).to_have_text("The code is wrong.")
    expect(code).to_have_attribute("aria-invalid", "true")
    code.fill("123456")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name="My account")).to_contain_text("kim")
    expect(page).to_have_url(f"{system.url}/machines/1")


def test_kakao_is_offered_only_where_it_is_set_up(page: Page, system: FakeSystem) -> None:
    with page.expect_response("**/api/kakao/login"):
        page.goto(f"{system.url}/sign-in?kakao=unlinked")
    expect(page.get_by_role("alert").first).to_contain_text("not linked yet")
    expect(page.get_by_role("button", name="Kakao")).to_be_hidden()
    system.answers["GET /api/kakao/login"] = always(200, login_url=f"{system.url}/sign-in?went=to-kakao")
    page.reload()
    page.get_by_role("button", name="Kakao").click()
    expect(page).to_have_url(f"{system.url}/sign-in?went=to-kakao")


def test_registration_needs_consent_and_names_the_wrong_field(page: Page, system: FakeSystem) -> None:
    bodies: list[Json] = []

    def register(body: Json) -> tuple[int, Json]:
        bodies.append(body)
        if len(bodies) > 1:
            return 202, {}
        problem = "This password is easy to guess. 쉽게 추측되는 비밀번호입니다."
        return 422, {"detail": problem, "errors": [{"field": "password", "message": problem}]}

    system.answers["POST /api/auth/register"] = register
    page.goto(f"{system.url}/sign-in")
    page.get_by_role("button", name="한국어").click()
    page.get_by_role("link", name="회원 가입").click()
    expect(page.get_by_role("button", name="계정 만들기")).to_be_visible()  # sign-in asks for an e-mail, too
    page.get_by_label("이메일").fill("kim@example.com")
    page.get_by_label("아이디").fill("kim")
    page.get_by_label("새 비밀번호").fill("password1")
    page.get_by_label("개인정보").check()
    assert not page.locator("form").evaluate("form => form.checkValidity()"), "without the second consent"
    page.get_by_label("이용약관").check()
    page.get_by_role("button", name="계정 만들기").click()
    expect(page.locator(".field-problem").nth(2)).to_have_text("쉽게 추측되는 비밀번호입니다.")
    page.get_by_label("새 비밀번호").fill("a long enough one")
    page.get_by_role("button", name="계정 만들기").click()
    expect(page.get_by_role("status")).to_contain_text("메일을 보냈습니다")
    assert bodies[-1] == {
        "email": "kim@example.com",
        "username": "kim",
        "password": "a long enough one",
        "privacy_agree": True,
        "terms_agree": True,
        "language": "ko",
    }


def test_the_token_of_a_mail_leaves_the_page_only_in_a_body(page: Page, system: FakeSystem) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url + str(request.headers)))
    sent: list[Json] = []

    def confirm(body: Json) -> tuple[int, Json]:
        sent.append(body)
        if "username" in body:
            return 200, {}
        problem = "The name is taken by now. 이미 사용 중인 이름입니다."
        return 409, {"detail": problem, "errors": [{"field": "username", "message": problem}]}

    system.answers["POST /api/auth/confirm-email"] = confirm
    page.goto(f"{system.url}/confirm-email#{TOKEN}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert").first).to_have_text("The name is taken by now.")
    page.get_by_label("User name").fill("kim2")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("You can sign in now")
    assert sent == [{"token": TOKEN}, {"token": TOKEN, "username": "kim2"}]
    assert TOKEN not in page.url, "once used it leaves the history, too"
    assert [address for address in addresses if TOKEN in address] == []


def test_an_invitation_is_shown_before_it_is_accepted(page: Page, system: FakeSystem) -> None:
    offer = {"shop_name": "Gangnam", "role": "technician", "email": "kim@example.com", "has_account": True}
    system.answers["POST /api/auth/invitation"] = always(200, offer=offer)
    system.answers["POST /api/auth/accept-invitation"] = always(200)
    page.goto(f"{system.url}/accept-invitation#{TOKEN}")
    expect(page.get_by_text("You are invited to Gangnam as technician.")).to_be_visible()
    page.get_by_label("Password").fill("right")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("status").last).to_contain_text("can see the shop now")
    assert system.calls.count("POST /api/auth/accept-invitation") == 1
