"""Errors reach a real tracker with what helps and nothing that must not leave; nobody waits for it."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

from signalcraft.operations import announce, instance
from signalcraft.operations.bugsink import Access, Bugsink
from signalcraft.settings import get_settings

pytestmark = pytest.mark.timeout(240)

# Each tier with an address that breaks, and a task that does, in a process of its own: the SDK is global.
BREAK = """
import sentry_sdk
from signalcraft.settings import get_settings
from signalcraft import logging
from signalcraft.errors import ForbiddenError
from signalcraft.observability.sentry import identify, start_sentry
kind = {kind!r}
settings = get_settings()
logging.configure(settings, kind)
def fail():
    identify(user_id=7, shop_id=3)
    raise RuntimeError(f"broken in {{kind}}: " + settings.redis_url.get_secret_value()
        + " kim@example.kr scd_abcdefghijklmnop")
if kind in ("gateway", "link"):
    from fastapi.testclient import TestClient
    import importlib
    app = importlib.import_module(f"signalcraft.{{kind}}.app").create_app()
    app.add_route("/break", lambda request: fail())
    TestClient(app, raise_server_exceptions=False).get("/break?token=sct_zyxwvutsrqponmlk",
        headers={{"X-Request-ID": "request-" + kind}})
elif kind == "api":
    from signalcraft.api.access import public
    from signalcraft.api.app import create_app
    app = create_app()
    app.add_url_rule("/break", view_func=public(fail))
    app.test_client().get("/break?token=sct_zyxwvutsrqponmlk", headers={{"X-Request-ID": "request-api"}})
elif kind == "worker":
    from signalcraft.worker.app import celery
    task = celery.task(name="break")(fail)
    task.apply()
else:
    start_sentry(settings, kind)
    try:
        fail()
    except RuntimeError:
        logging.get_logger("x").exception("job_failed")
try:
    raise ForbiddenError("expected")
except ForbiddenError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(10)
"""
PROCESSES = ("gateway", "api", "link", "worker", "monitor")


@pytest.fixture
def tracker(data_dir: Path) -> Iterator[Access]:
    bugsink = Bugsink(instance.make())
    try:
        yield bugsink.up()
    finally:
        bugsink.down()


def _read(access: Access, kind: str, **query: Any) -> Any:
    answer = httpx.get(
        f"{access.url}/api/canonical/0/{kind}/",
        params=query,
        headers={"Authorization": f"Bearer {access.token}"},
        trust_env=False,
    )
    return answer.raise_for_status().json()


def _events(access: Access) -> list[dict[str, Any]]:
    issues = _read(access, "issues", project=access.project)["results"]
    listed = [event for issue in issues for event in _read(access, "events", issue=issue["id"])["results"]]
    return [_read(access, f"events/{event['id']}")["data"] for event in listed]


@pytest.mark.tracker
def test_errors_of_every_process_are_read_back_from_the_tracker(
    tracker: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.set_sentry_dsn(instance.load(), tracker.dsn)
    monkeypatch.setenv("SIGNALCRAFT_RELEASE", "r1")
    monkeypatch.setenv("SIGNALCRAFT_COLOUR", "green")
    secret = get_settings().redis_url.get_secret_value()
    running = [
        subprocess.Popen([sys.executable, "-c", BREAK.format(kind=kind)], stderr=subprocess.PIPE, text=True)
        for kind in PROCESSES
    ]
    for process in running:
        _, complaint = process.communicate()
        assert process.returncode == 0, complaint[-2000:]
    announce.deployment(get_settings(), release="r2", colour="blue", outcome="finished")
    with _gateway() as url:
        _break_in_a_browser(url)

    events = _events(tracker)
    found = {event["tags"].get("process"): event for event in events}
    assert set(found) == {*PROCESSES, "browser", None}
    assert len(events) == len(found), "each once, and nothing that was expected"
    assert found.pop(None)["release"] == "r2"
    browser = found.pop("browser")
    assert (browser["platform"], browser["release"], browser["environment"]) == (
        "javascript",
        "r1",
        "production",
    )
    assert browser["tags"]["language"] == "en"
    assert browser["request"]["url"] == "/sign-in"
    (thrown,) = browser["exception"]["values"]
    assert (thrown["type"], thrown["value"]) == ("TypeError", "broken in the browser, not for [removed]")
    assert "sct_zyx" not in str(browser)
    for kind, event in found.items():
        assert event["release"] == "r1"
        assert event["environment"] == "production"
        assert event["tags"]["colour"] == "green"
        assert str(event["tags"]["shop"]) == "3"
        assert event["user"] == {"id": "7"}
        assert f"broken in {kind}" in str(event)
        for told in (secret, "kim@example.kr", "scd_abc", "sct_zyx"):
            assert told not in str(event)
    assert found["gateway"]["tags"]["request_id"] == "request-gateway"
    assert found["api"]["tags"]["request_id"] == "request-api"


@contextmanager
def _gateway() -> Iterator[str]:
    """Its address; without its servers it has pages to show all the same."""
    with create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    gunicorn = f"-m gunicorn --config python:signalcraft.gateway.gunicorn_conf --bind {address}"
    process = subprocess.Popen([sys.executable, *gunicorn.split(), "signalcraft.gateway.app:create_app()"])
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=9), timeout=60) as client:
            assert client.get(f"http://{address}/live").is_success
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _break_in_a_browser(url: str) -> None:
    program = shutil.which("chromium")
    assert program, "this needs Chromium (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.set_default_timeout(60_000)
        page.goto(f"{url}/sign-in?token=sct_zyxwvutsrqponmlk")
        page.get_by_label("User name or e-mail").fill("kim@example.kr")
        with page.expect_response(lambda answer: answer.status == 202):
            page.evaluate(
                "setTimeout(() => { throw new TypeError('broken in the browser, not for kim@example.kr') })"
            )
        browser.close()


def test_nobody_waits_for_a_tracker_that_never_answers(made: instance.Instance) -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        dsn = f"http://{'0' * 32}@127.0.0.1:{silent.getsockname()[1]}/1"
        instance.set_sentry_dsn(made, dsn)
        code = """
import time, sentry_sdk
from signalcraft.settings import get_settings
from signalcraft.observability.sentry import start_sentry
start_sentry(get_settings(), "api")
began = time.perf_counter()
for number in range(500):
    sentry_sdk.capture_exception(RuntimeError(str(number)))
print(time.perf_counter() - began)
"""
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert float(done.stdout) < 3, "500 reports, each some milliseconds of work and none of waiting"
        assert time.monotonic() - began < 12, "the process ends, too"
