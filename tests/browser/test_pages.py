"""What a person sees when things happen that the real system does only now and then."""

from fake_accounts import always
from fake_data import ago, analysis, reading
from fake_system import FakeSystem
from playwright.sync_api import Page, Route, expect


def sign_in(page: Page, system: FakeSystem, path: str = "/") -> None:
    page.goto(system.url + path)
    page.get_by_label("User name or e-mail").fill("admin")
    page.get_by_label("Password").fill("right")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".connection-live")


def test_a_wrong_password_is_told_and_the_right_one_leads_on(page: Page, system: FakeSystem) -> None:
    page.goto(f"{system.url}/machines/1")
    page.get_by_label("User name or e-mail").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is not right.")
    page.get_by_label("Password").fill("right")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="아이스크림 냉동고 1")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_an_alarm_appears_by_itself_and_is_acknowledged(page: Page, system: FakeSystem) -> None:
    sign_in(page, system)
    card = page.locator(".machine-card", has_text="아이스크림 냉동고 1")
    expect(card.locator(".light-badge")).to_have_text("Healthy")
    expect(page.locator(".machine-card", has_text="쇼케이스")).to_contain_text("23 of 60 clips")

    snapshots = system.calls.count("GET /api/dashboard/overview")
    alarm = system.raise_alarm(1)
    expect(card.locator(".light-badge")).to_have_text("Act now", timeout=1000)
    assert system.calls.count("GET /api/dashboard/overview") == snapshots, "the event alone must do"
    expect(card).to_contain_text(alarm["summary"]["en"])
    expect(page.locator(".toast")).to_contain_text("아이스크림 냉동고 1: new alarm")
    expect(page).to_have_title("(1) SignalCraft")

    card.get_by_role("link").click()
    expect(page).to_have_url(f"{system.url}/machines/1")
    page.get_by_label("Comment (optional)").fill("on my way")
    page.get_by_role("button", name="I'm on it").click()
    expect(page.locator(".machine-alarm")).to_contain_text("admin has seen this")


def test_without_the_stream_the_page_polls_and_returns_to_it(page: Page, system: FakeSystem) -> None:
    sign_in(page, system)
    system.stream_works = False
    system.end_streams()
    expect(page.locator(".connection")).to_have_text("Refreshing")
    system.raise_alarm(1, tell=False)
    expect(page.locator(".toast")).to_contain_text("new alarm")
    system.stream_works = True
    expect(page.locator(".connection")).to_have_text("Live", timeout=15_000)


def test_expired_access_is_renewed_silently_and_a_lost_session_asks(page: Page, system: FakeSystem) -> None:
    sign_in(page, system)
    system.access_token = "second"
    page.locator(".machine-card").first.get_by_role("link").click()
    expect(page.locator(".analysis-item")).to_have_count(1)
    assert system.calls.count("POST /api/auth/refresh") == 2, "when the page opened, and now"
    system.access_token, system.signed_in = "third", False
    # The page's own next request may have asked already.
    page.get_by_text("24 h").or_(page.get_by_label("Password")).first.click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_snapshot_older_than_the_screen_changes_nothing(page: Page, system: FakeSystem) -> None:
    sign_in(page, system)
    system.raise_alarm(1)
    badge = page.locator(".machine-card", has_text="아이스크림 냉동고 1").locator(".light-badge")
    expect(badge).to_have_text("Act now")
    system.last_event_id -= 1
    system.machine(1).update(light="green", open_alarm=None)
    with page.expect_response("**/api/dashboard/overview"):
        pass
    expect(badge).to_have_text("Act now")


def test_a_half_filled_claim_survives_updates(page: Page, system: FakeSystem) -> None:
    sign_in(page, system)
    page.get_by_text("Add to a shop").click()
    page.get_by_label("Name of the machine").fill("Walk-in freezer")
    page.get_by_role("combobox").select_option("Create a new shop…")
    system.unclaimed[0]["latest_reading"] = reading(temperature_c=-31.5)
    system.push({"type": "machine.changed", "machine_id": 1})
    expect(page.locator(".unclaimed-card")).to_contain_text("−31.5")
    page.get_by_label("Name of the new shop").fill("Seoul Station")
    system.answers["POST /api/devices/ESP32_007/keys"] = always(201, key={}, secret="scd_its-first-key")
    page.get_by_role("button", name="Add as a machine").click()
    expect(page.get_by_role("dialog")).to_contain_text("scd_its-first-key")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    shop = page.locator(".shop", has_text="Seoul Station")
    expect(shop.locator(".machine-card")).to_contain_text("Walk-in freezer")
    expect(page.locator(".unclaimed")).to_be_hidden()


def test_live_readings_and_the_newest_analysis_reach_the_machine_page(page: Page, system: FakeSystem) -> None:
    sign_in(page, system, "/machines/1")
    page.wait_for_selector(".spectrogram svg")
    expect(page.locator(".chart-value strong")).to_have_count(3)
    newest_reading = reading(temperature_c=-7.3, measured_at=ago(seconds=0))
    event = {"type": "reading", "device_id": "ESP32_001", "machine_id": 1, "reading": newest_reading}
    system.push(event, durable=False)
    expect(page.locator(".chart-value").first).to_contain_text("−7.3 °C")

    newest = system.machine(1)["latest_analysis"] | {"id": "newest", "verdict": "anomalous", "ratio": 7.5}
    newest |= {"measured_at": ago(seconds=0), "received_at": ago(seconds=0)}
    system.machine(1)["latest_analysis"] = newest
    finished = {"type": "analysis.finished", "machine_id": 1, "light": "yellow", "analysis": newest}
    system.push(finished | {"baseline": system.machine(1)["baseline"]})
    expect(page.locator(".analysis-detail")).to_contain_text("7.5 × the limit")
    expect(page.locator(".band-item")).to_have_count(4)
    expect(page.locator(".analysis-item")).to_have_count(2)


def test_a_diagnosis_is_seen_heard_and_answered(page: Page, system: FakeSystem) -> None:
    newest = system.machine(1)["latest_analysis"] | {"verdict": "anomalous", "ratio": 2.4}
    system.machine(1)["latest_analysis"] = newest
    system.raise_alarm(1, tell=False)
    sign_in(page, system, "/machines/1")
    detail = page.locator(".analysis-detail")
    expect(detail.locator(".condition").first).to_contain_text("Worn bearing70 %")
    expect(detail.locator(".condition")).to_have_count(3)  # what is hardly likely is not shown
    expect(detail.locator(".evidence .for").first).to_contain_text("more impacts above 3.5 kHz")
    expect(detail.locator(".players audio")).to_have_count(2)
    expect(detail.locator(".band-item")).to_have_count(4)
    expect(detail.locator(".tone-arrow")).to_have_count(1)
    expect(detail.locator(".moment-bar")).to_have_count(1)

    detail.get_by_label("Reason or note").fill("the radio was on")
    detail.get_by_role("button", name="False alarm").click()
    expect(detail.locator(".label-item")).to_contain_text("the radio was on")
    expect(page.locator(".machine-alarm")).to_be_empty()
    detail.get_by_role("button", name="Something else").click()
    detail.get_by_label("What it really was").select_option("Friction")
    detail.get_by_role("button", name="Save").click()
    expect(detail.locator(".label-item").first).to_contain_text("Friction")
    expect(detail.locator(".superseded")).to_contain_text("False alarm")


def test_a_machine_with_an_open_alarm_opens_on_what_the_alarm_rests_on(
    page: Page, system: FakeSystem
) -> None:
    newest = system.machine(1)["latest_analysis"] | {"id": "newest", "verdict": "normal", "ratio": 0.3}
    evidence = newest | {"id": "evidence", "verdict": "anomalous", "ratio": 4.2, "measured_at": ago(hours=1)}
    system.analyses[1] = [newest, evidence]
    system.raise_alarm(1, tell=False)["analysis_id"] = "evidence"
    sign_in(page, system, "/machines/1")
    detail = page.locator(".analysis-detail")
    expect(detail).to_contain_text("4.2 × the limit")
    page.locator(".analysis-item").first.click()
    expect(detail).not_to_contain_text("4.2 × the limit")
    expect(page).to_have_url(f"{system.url}/machines/1?analysis=newest")


def test_a_baseline_on_trial_is_promoted_by_a_person(page: Page, system: FakeSystem) -> None:
    sign_in(page, system, "/machines/1")
    page.get_by_text("What judges this machine").click()
    page.get_by_label("Model of the machine").fill("Cool 300")
    page.locator(".models form").get_by_role("button", name="Save").click()
    expect(page.locator(".models .form-problem")).to_be_empty()
    trial = page.locator(".model-shadow")
    expect(trial).to_contain_text("0.6 % → 3.3 %")
    trial.get_by_role("button", name="Use it").click()
    expect(page.locator(".model-shadow")).to_have_count(0)
    expect(page.locator(".model-active").first).to_contain_text("admin")
    assert system.machine(1)["model"] == "Cool 300"


def test_a_machine_opened_by_its_address_waits_for_what_is_known_of_it(
    page: Page, system: FakeSystem
) -> None:
    system.machine(1)["model"] = "Cool 300"
    sign_in(page, system)
    held: list[Route] = []
    page.route("**/api/dashboard/overview", lambda route: held.append(route))
    page.goto(f"{system.url}/machines/1")
    expect(page.locator(".machine-head .notice")).to_have_text("Loading…")
    while held:
        held.pop().continue_()
    page.unroute("**/api/dashboard/overview")
    page.get_by_text("What judges this machine").click()
    expect(page.get_by_label("Model of the machine")).to_have_value("Cool 300")


def test_a_state_that_is_not_learned_is_named_and_not_called_learning(page: Page, system: FakeSystem) -> None:
    system.machine(1)["latest_analysis"] = analysis(None, ago(minutes=1), run_state="defrost")
    sign_in(page, system)
    card = page.locator(".machine-card", has_text="아이스크림 냉동고 1")
    expect(card.locator(".light-badge")).to_have_text("Healthy")
    expect(card.locator(".verdict")).to_contain_text("Not judged")
    expect(card.locator(".state-tag")).to_have_text("Defrost")


def test_korean_is_one_click_away_and_remembered_and_fits_a_phone(page: Page, system: FakeSystem) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, system)
    page.get_by_role("button", name="한국어").click()
    page.reload()
    expect(page.locator(".machine-card", has_text="아이스크림").locator(".light-badge")).to_have_text("정상")
    assert page.evaluate("document.documentElement.lang") == "ko"
    system.machine(1)["device"]["unauthenticated"] = True
    for path in ("/", "/machines/1", "/devices", "/account", "/shops/1", "/admin/audit"):
        page.goto(system.url + path)
        page.wait_for_selector(".light-badge, .device-row, .row")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
