"""What the page itself does wrong is told: with what helps, without what was typed."""

from collections.abc import Iterator

import pytest
from fake_accounts import always
from fake_data import Json
from fake_system import FakeSystem
from playwright.sync_api import Browser, Page

from signalcraft.observability.browser_errors import BrowserError

PATH = "/api/browser-errors"
THROW = """() => setTimeout(() => {
  const cause = new TypeError("at http://127.0.0.1/a.js?token=tell-nobody with typed-by-kim");
  throw new Error('bad "quoted-by-json" value', { cause });
})"""


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """Unlike `page`: a page that may complain."""
    context = chromium.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def told(system: FakeSystem) -> list[BrowserError]:
    """What the page tells from now on, each checked as the server does."""
    reports: list[BrowserError] = []

    def take(body: Json) -> tuple[int, Json]:
        reports.append(BrowserError.model_validate(body))
        return 202, {}

    system.answers[f"GET {PATH}"] = always(200, reported=True, release="r1")
    system.answers[f"POST {PATH}"] = take
    return reports


def test_an_error_is_told_with_its_stack_and_without_what_was_typed(system: FakeSystem, tab: Page) -> None:
    reports = told(system)
    # While the page is made: what catches errors is loaded later.
    tab.add_init_script("addEventListener('DOMContentLoaded', () => { throw new RangeError('early') })")
    with tab.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith(PATH)):
        tab.goto(f"{system.url}/sign-in?secret=in-the-query")
    tab.get_by_label("User name or e-mail").fill("typed-by-kim")
    with tab.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith(PATH)):
        tab.evaluate(THROW)
    early, late = reports
    assert [(thrown.type, thrown.message) for thrown in early.errors] == [("RangeError", "early")]
    assert (late.release, late.page, late.language) == ("r1", "/sign-in", "en")
    assert late.browser.startswith("Chrome")
    cause, error = late.errors
    assert (cause.type, cause.message) == ("TypeError", "at http://127.0.0.1/a.js with [removed]")
    assert error.message == 'bad "[removed]" value'
    assert error.frames
    for secret in ("typed-by-kim", "tell-nobody", "in-the-query", "quoted-by-json"):
        assert secret not in str(reports)


def test_a_failing_page_tells_ten_times_and_says_who_and_where(system: FakeSystem, tab: Page) -> None:
    reports = told(system)
    system.add_shop("Ice", [])
    tab.goto(system.url)
    tab.get_by_label("User name or e-mail").fill("admin")
    tab.get_by_label("Password").fill("right")
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name="Sign out").wait_for()
    tab.goto(f"{system.url}/shops/1")
    tab.evaluate("""async () => {
      while (!globalThis.__SENTRY__) await new Promise((resolve) => setTimeout(resolve, 20));
      for (let turn = 0; turn < 15; turn += 1) Promise.reject(new Error(`admin saw ${turn}`));
    }""")
    with tab.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("logout")
    ):
        tab.get_by_role("button", name="Sign out").click()
    assert len(reports) == 10
    assert all(report.errors[-1].message.startswith("[removed] saw ") for report in reports)
    assert {(report.user_id, report.shop_id, report.page) for report in reports} == {(1, 1, "/shops/1")}


def test_nothing_is_loaded_where_nothing_is_reported(system: FakeSystem, tab: Page) -> None:
    system.answers[f"GET {PATH}"] = always(200, reported=False, release="r1")
    with tab.expect_response(f"**{PATH}"):
        tab.goto(system.url)
    tab.wait_for_load_state("networkidle")
    assert not [call for call in system.calls if "sentry" in call or "fault-reports" in call]
