"""A person who registers finds a mail, through both tiers, the queue and the worker of a running system."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.mark.system
def test_who_registers_gets_a_mail(running_system: Any) -> None:
    with httpx.Client(base_url=running_system.url, headers={"X-Requested-With": "tests"}) as client:
        asked = client.post(
            "/api/auth/register",
            json={
                "username": "minji",
                "email": "minji@shop.example",
                "password": "correct horse battery staple",
                "privacy_agree": True,
                "terms_agree": True,
                "language": "en",
            },
        )
        assert asked.status_code == 202, asked.text
        mail = arrived(running_system.folder / "data" / "mail")
        assert "Please confirm your e-mail address" in mail
        assert f"http://localhost:{running_system.public_ports[0]}/confirm-email#" in mail.replace("=\n", "")


def arrived(folder: Path) -> str:
    """The first mail to come within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in folder.glob("*.eml"):
            return path.read_text()
        time.sleep(0.1)
    raise AssertionError("no mail came")
