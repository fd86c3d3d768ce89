"""Another site can provoke a request of somebody's browser, cookies included, but change nothing with it."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import Person, sign_in
from signalcraft.accounts.credentials import CSRF_HEADER, access_cookie
from signalcraft.api.access import rule_of as machines_rule
from signalcraft.gateway.access import handlers, personal_handlers

FORGED: tuple[dict[str, str], ...] = (
    {},
    {CSRF_HEADER: "x", "Origin": "https://evil.example"},
    {CSRF_HEADER: "x", "Origin": "null"},
    {CSRF_HEADER: "x", "Sec-Fetch-Site": "cross-site"},
    {CSRF_HEADER: "x", "Sec-Fetch-Site": "same-site"},
)
"""What a form or a script of another site sends along with the cookie; scripts cannot set the rest."""
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}


def filled(path: str) -> str:
    """The path with something plausible for each variable part."""
    for form in ("<int:", "<uuid:", "<", "{"):
        while form in path:
            start = path.index(form)
            end = path.index(">" if form != "{" else "}", start)
            name = path[start + len(form) : end]
            value = "00000000-0000-4000-8000-000000000000" if _is_uuid(form, name) else "1"
            path = path[:start] + value + path[end + 1 :]
    return path


def _is_uuid(form: str, name: str) -> bool:
    return form == "<uuid:" or name == "session_id"


def changes_of_people(gateway_client: TestClient) -> Iterator[tuple[str, str]]:
    app = gateway_client.app
    personal = personal_handlers(app)  # type: ignore[arg-type]
    for path, handler, method in handlers(app):  # type: ignore[arg-type]
        if handler in personal and method in CHANGES:
            yield method, filled(path)


def changes_of_machines(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        mark = machines_rule(app.view_functions[rule.endpoint])
        if mark is not None and mark.caller == "user":
            for method in (rule.methods or set()) & CHANGES:
                yield method, filled(rule.rule)


@pytest.fixture
def cookie(admin: Person) -> str:
    return sign_in(admin.username).access_token


def test_no_change_at_all_is_made_with_a_cookie_alone(
    api_app: Flask, api_client: FlaskClient, gateway_client: TestClient, cookie: str
) -> None:
    of_people, of_machines = list(changes_of_people(gateway_client)), list(changes_of_machines(api_app))
    assert len(of_people) > 20
    assert len(of_machines) > 8
    del gateway_client.headers[CSRF_HEADER]
    gateway_client.cookies.set(access_cookie(), cookie)
    api_client.set_cookie(access_cookie(), cookie)
    passed = []
    for place, (method, path) in enumerate(of_people):
        forged = FORGED[place % len(FORGED)]
        if gateway_client.request(method, path, headers=forged).status_code != 403:
            passed.append(f"{method} {path}")
    for place, (method, path) in enumerate(of_machines):
        forged = FORGED[place % len(FORGED)]
        if api_client.open(path, method=method, headers=forged).status_code != 403:
            passed.append(f"{method} {path}")
    assert passed == []
    assert gateway_client.get("/api/auth/verify").status_code == 200, "the session stands"


def test_nobody_is_signed_in_by_another_site(gateway_client: TestClient, admin: Person) -> None:
    """Or they would work, unawares, in the attacker's account."""
    for headers in FORGED[1:]:
        for body in (
            {"json": {"username": admin.username, "password": admin.password}},
            {"data": {"username": admin.username, "password": admin.password}},
        ):
            answer = gateway_client.post("/api/auth/login", headers=headers, **body)  # type: ignore[arg-type]
            assert answer.status_code == 403
            assert not answer.cookies
