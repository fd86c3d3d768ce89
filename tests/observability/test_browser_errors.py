"""The tracker's door for pages: what they may say, what becomes of it, and that nobody waits."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from starlette.testclient import TestClient

from sentry_collector import Collector, collecting
from signalcraft import logging
from signalcraft.observability.sentry import start_sentry
from signalcraft.settings import Settings, get_settings

PATH = "/api/browser-errors"
FRAME = {"file": "/static/js/live.js", "function": "read", "line": 7, "column": 3}
ERROR: dict[str, Any] = {
    "errors": [
        {"type": "TypeError", "message": "x is undefined, says kim@example.kr", "frames": [FRAME]},
        {
            "type": "Error",
            "message": "sct_zyxwvutsrqponmlk",
            "frames": [FRAME | {"file": "chrome-extension://a"}],
        },
    ],
    "release": "0.1.0+ab",
    "page": "/machines/5",
    "language": "ko",
    "browser": "Firefox 140",
    "request_id": "request-of-the-page",
    "user_id": 7,
    "shop_id": 3,
}


@pytest.fixture
def tracked(gateway_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """The gateway of `gateway_client`, with a tracker."""
    with collecting() as collector:
        monkeypatch.setenv("SENTRY_DSN", collector.dsn)
        get_settings.cache_clear()
        start_sentry(get_settings(), "gateway")
        yield collector
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().clear()
        sentry_sdk.get_global_scope().set_client(None)
        logging.on_exception(lambda _: None)
        monkeypatch.undo()
        get_settings.cache_clear()


def test_an_error_of_a_page_reaches_the_tracker_as_the_pages_own(
    tracked: Collector, gateway_client: TestClient
) -> None:
    assert gateway_client.get(PATH).json()["reported"] is True
    answer = gateway_client.post(PATH, json=ERROR)
    assert answer.status_code == 202, answer.text
    (event,) = tracked.wait_for("event", 1)
    assert event["platform"] == "javascript"
    assert (event["release"], event["environment"]) == ("0.1.0+ab", "production")
    assert event["tags"] == {
        "process": "browser",
        "colour": "blue",
        "language": "ko",
        "browser": "Firefox 140",
        "shop": "3",
        "request_id": "request-of-the-page",
    }
    assert event["user"] == {"id": "7"}
    assert event["request"]["url"] == "/machines/5"
    first, last = event["exception"]["values"]
    assert first["stacktrace"]["frames"][0] | {"in_app": True} == first["stacktrace"]["frames"][0]
    assert last["stacktrace"]["frames"][0]["in_app"] is False
    assert "kim@" not in str(event), "scrubbed as reports of processes are"
    assert "sct_zyx" not in str(event), "scrubbed as reports of processes are"


def test_what_is_no_report_is_refused_and_not_told(tracked: Collector, gateway_client: TestClient) -> None:
    wrong: list[dict[str, Any]] = [
        {"errors": []},
        {"errors": [ERROR["errors"][0]] * 4},
        {"errors": [{"type": "E", "message": "m" * 1001}]},
        {"errors": [{"type": "E", "message": "m", "frames": [FRAME] * 31}]},
        {"release": "a b"},
        {"page": "/x\n"},
        {"user_id": "kim"},
        {"input": "what was typed"},
    ]
    for change in wrong:
        answer = gateway_client.post(PATH, json=ERROR | change)
        assert answer.status_code == 422, (change, answer.text)
    assert tracked.envelopes == []


def test_only_our_own_pages_tell_and_no_more_than_the_quota(
    tracked: Collector, gateway_client: TestClient
) -> None:
    elsewhere = gateway_client.post(PATH, json=ERROR, headers={"Origin": "https://elsewhere.example"})
    assert elsewhere.status_code == 403
    statuses = [gateway_client.post(PATH, json=ERROR).status_code for _ in range(130)]
    assert set(statuses) == {202, 429}, "the window may change once meanwhile"
    assert statuses.count(202) <= 120


def test_nobody_waits_for_a_tracker_that_is_gone(tracked: Collector, gateway_client: TestClient) -> None:
    tracked.server_close()
    began = time.monotonic()
    assert [gateway_client.post(PATH, json=ERROR).status_code for _ in range(20)] == [202] * 20
    assert time.monotonic() - began < 2


def test_without_a_tracker_pages_are_told_so(gateway_client: TestClient, settings: Settings) -> None:
    assert settings.sentry_dsn is None
    told = gateway_client.get(PATH).json()
    assert told == {"success": True, "reported": False, "release": settings.release}
    assert gateway_client.post(PATH, json=ERROR).status_code == 404
