"""Headless Chromium for the tests of the pages."""

import shutil
from collections.abc import Iterator

import fake_system
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("browser tests need Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab of an English-speaking visitor; the test fails when the page itself complains.

    A violation of the content security policy is such a complaint. Refused requests are not: by them the page
    learns that it has to sign in, to renew its access, or to wait.
    """
    complaints: list[str] = []
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield tab
    context.close()
    assert [text for text in complaints if not text.startswith(REFUSED)] == []


@pytest.fixture
def system() -> Iterator[fake_system.FakeSystem]:
    yield from fake_system.fake_system()
