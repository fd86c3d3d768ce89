"""The way of a new person through the pages, against the running system."""

import email
import email.policy
import re
import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

PASSWORD = "a walk along the Han at night"
MAIL_SECONDS = 15


def link_of_mail(folder: Path, address: str, page: str) -> str:
    """Path and fragment of the link in the newest mail to somebody. Here mails are files."""
    deadline = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < deadline:
        for file in sorted(folder.glob("*.eml"), key=lambda found: found.stat().st_mtime, reverse=True):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            link = re.search(rf"/{page}#\S+", body.get_content()) if body else None
            if address in str(mail["To"]) and link:
                return link[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail to {address} with a link to {page}")


def sign_in(page: Page, username: str, password: str) -> None:
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.system
def test_from_registration_to_a_shop_and_a_second_factor(
    page: Page, chromium: Browser, running_system: Any
) -> None:
    page.goto(f"{running_system.url}/register")
    page.get_by_label("E-mail").fill("hana@example.com")
    page.get_by_label("User name").fill("hana")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("personal data").check()
    page.get_by_label("terms of use").check()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("status")).to_contain_text("A mail is on its way")
    mails = running_system.folder / "data" / "mail"
    page.goto(running_system.url + link_of_mail(mails, "hana@example.com", "confirm-email"))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="To the sign-in").click()
    sign_in(page, "hana@example.com", PASSWORD)
    expect(page.get_by_text("No shops yet.")).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)

    office = chromium.new_context(locale="en-GB").new_page()
    office.goto(f"{running_system.url}/admin/shops")
    sign_in(office, running_system.username, running_system.password)
    office.get_by_text("Make a shop").first.click()
    office.get_by_label("Name of the new shop").fill("Hangang shop")
    office.get_by_role("button", name="Make a shop").click()
    expect(office.locator(".row", has_text="Hangang shop")).to_be_visible()
    office.get_by_role("link", name="People").click()
    office.get_by_role("link", name="hana").click()
    office.get_by_text("Grant rights in a shop").first.click()
    office.get_by_label("Shop").select_option("Hangang shop")
    office.get_by_label("Role").first.select_option("technician")
    office.get_by_role("button", name="Grant rights").click()
    expect(office.locator(".row", has_text="Hangang shop")).to_contain_text("technician")
    office.get_by_role("link", name="← People").click()
    office.get_by_role("link", name="Audit log").click()
    expect(office.locator(".row", has_text="hana").first).to_be_visible()
    office.context.close()

    page.reload()
    expect(page.get_by_role("heading", name="Hangang shop")).to_be_visible()
    page.get_by_role("link", name="My account").click()
    factor = page.locator(".panel", has=page.get_by_role("heading", name="Second factor"))
    factor.get_by_label("Current password").fill(PASSWORD)
    factor.get_by_role("button", name="Turn it on").click()
    app = pyotp.TOTP(factor.locator("code").inner_text().replace(" ", ""))
    factor.get_by_label("Code").fill(app.now())
    factor.get_by_role("button", name="Confirm").click()
    recovery_code = factor.locator(".secret-text").inner_text().split()[0]
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, "hana", PASSWORD)
    page.get_by_label("Code").fill(recovery_code)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name="My account")).to_contain_text("hana")
    page.get_by_role("link", name="My account").click()
    expect(page.get_by_text("Recovery codes left: 9")).to_be_visible()
