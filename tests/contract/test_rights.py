"""Every route of both tiers, asked by everybody: who gets in is what the one table says.

The requests are real ones, of people of every role, of a person without rights, an owner of another shop,
programs with tokens that are narrower than their person, and somebody who is not signed in at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from flask import Flask
from flask.testing import FlaskClient
from starlette.testclient import TestClient
from walked_world import DEVICE, SHOP, World

from signalcraft.accounts.access import AccessRule
from signalcraft.accounts.roles import GLOBAL_ROLES, SHOP_ROLES, Permission
from signalcraft.api.access import rule_of as machines_rule
from signalcraft.gateway.access import rule_of as people_rule

DOCUMENT = Path(__file__).parents[2] / "docs" / "administration.md"
STREAMS = {"/api/notifications/stream", "/api/monitoring/stream"}
"""Answers without end: who may open it is tested here, what it sends in `tests/gateway`."""
UNKNOWN = (401, 403, 404)
"""What a caller gets who may not."""

OPEN = {
    "GET /",
    "GET /.well-known/jwks.json",
    "GET /accept-invitation",
    "GET /account",
    "GET /admin",
    "GET /admin/{rest:path}",
    "GET /api/browser-errors",
    "GET /api/docs",
    "GET /api/kakao/callback",
    "GET /api/kakao/login",
    "GET /api/openapi/api.json",
    "GET /confirm-email",
    "GET /forgot-password",
    "GET /devices",
    "GET /live",
    "GET /machines/{rest:path}",
    "GET /ready",
    "GET /register",
    "GET /reset-password",
    "GET /shops/{rest:path}",
    "GET /sign-in",
    "GET /version",
    "POST /api/ai/lightweight-analyze",
    "POST /api/auth/confirm-email",
    "POST /api/auth/forgot-password",
    "POST /api/auth/invitation",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/auth/refresh",
    "POST /api/auth/register",
    "POST /api/auth/register-by-invitation",
    "POST /api/auth/reset-password",
    "POST /api/auth/second-factor",
    "POST /api/browser-errors",
    "POST /api/kakao/logout",
    "POST /api/lightweight-analyze",
}
"""What anybody may call; a new one is a decision."""
OF_NODES = {
    "GET /api/esp32/config",
    "GET /api/esp32/status",
    "POST /api/esp32/audio/upload",
    "GET /api/iot/firmware/download/<int:image_id>",
    "POST /api/esp32/claim",
    "POST /api/esp32/commands/<int:command_id>/ack",
    "POST /api/esp32/features",
    "POST /api/esp32/firmware/progress",
    "POST /api/esp32/heartbeat",
    "POST /api/esp32/register",
    "POST /api/iot/sensors/data",
    "POST /api/iot/sensors/data/batch",
}
"""What a node calls; who is believed to be one is tested in `tests/fleet`."""


@dataclass(frozen=True)
class Route:
    """An address of one of the tiers with what it demands."""

    tier: str
    method: str
    path: str
    rule: AccessRule

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Walk:
    """Everything that the walk needs."""

    world: World
    routes: list[Route]
    machines: FlaskClient
    people: TestClient

    def ask(self, route: Route, caller: str) -> tuple[int, str, bool]:
        """Status and text of the answer, and whether the request named something of our shop."""
        self.world.again()
        request = self.world.request(route.method, route.path)
        headers = self.world.callers[caller]
        if route.tier == "machines":
            answer = self.machines.open(request.path, method=route.method, headers=headers, **request.body)
            text = answer.get_data().decode(errors="replace")
            answer.close()  # a download that nobody ends keeps its place
            return answer.status_code, text, self._is_ours(request, route)
        self.people.cookies.clear()
        reply = self.people.request(route.method, request.path, headers=headers, **request.body)
        return reply.status_code, reply.text, self._is_ours(request, route)

    @staticmethod
    def _is_ours(request: object, route: Route) -> bool:
        named_inside = ("/api/ai/analyze", "/api/claim-codes")
        return getattr(request, "about_ours", False) or route.path in named_inside


@pytest.fixture
def walk(api_app: Flask, api_client: FlaskClient, gateway_client: TestClient) -> Walk:
    return Walk(World(), [*_of_machines(api_app), *_of_people(gateway_client)], api_client, gateway_client)


def test_who_gets_in_is_what_the_one_table_says(walk: Walk) -> None:
    wrong = []
    for route in walk.routes:
        if route.rule.permission is None:
            continue
        for role in (
            *GLOBAL_ROLES.keys() - {"user"},
            *SHOP_ROLES,
            "anonymous",
            "nobody",
            "token of the owner",
        ):
            may = _may(role, route.rule)
            if may and route.path in STREAMS:
                continue
            status, text, about_ours = walk.ask(route, role)
            if role == "nobody" and may and about_ours:
                may = False
            if may != (status not in UNKNOWN) or status >= 500:
                wrong.append(f"{role}: {route} -> {status} ({text[:120]})")
    assert wrong == [], "\n".join(wrong)


def test_people_of_another_shop_see_nothing_of_ours(walk: Walk) -> None:
    """By id they get what a missing thing gets; in lists, files and errors nothing of it stands."""
    wrong = []
    seen_ids = {str(walk.world.clip_id), str(walk.world.analysis_id)}
    for route in walk.routes:
        if route.rule.permission is None or route.path in STREAMS:
            continue
        for caller in ("stranger", "nobody"):
            status, text, about_ours = walk.ask(route, caller)
            if about_ours and status not in (403, 404) and route.path not in SHARED:
                wrong.append(f"{caller}: {route} -> {status}")
            holds = _may("store_owner" if caller == "stranger" else caller, route.rule)
            if about_ours and holds and status != 404 and route.path not in SHARED:
                wrong.append(f"{caller}: {route} -> {status}, not 404")
            if not about_ours and any(mark in text for mark in (SHOP, *seen_ids)):
                wrong.append(f"{caller}: {route} shows our shop")
            if not about_ours and DEVICE in text:
                wrong.append(f"{caller}: {route} shows our device")
    assert wrong == [], "\n".join(wrong)


def test_a_program_of_an_administrator_does_no_more_than_its_shops(walk: Walk) -> None:
    caller, wrong = "token for another shop", []
    for route in walk.routes:
        if route.rule.permission not in ("fleet.read", "shop.manage", "user.read"):
            continue
        status, text, about_ours = walk.ask(route, caller)
        shows_ours = SHOP in text or (about_ours and status not in UNKNOWN and route.path not in SHARED)
        if shows_ours or (route.rule.everywhere and status != 403):
            wrong.append(f"{route} -> {status}")
    assert wrong == [], "\n".join(wrong)


def test_what_concerns_one_s_own_account_wants_a_person(walk: Walk) -> None:
    wrong = []
    for route in walk.routes:
        if route.rule != AccessRule("user"):
            continue
        if (status := walk.ask(route, "anonymous")[0]) != 401:
            wrong.append(f"anonymous: {route} -> {status}")
        if (status := walk.ask(route, "token of the owner")[0]) not in (403, 404):
            wrong.append(f"program: {route} -> {status}")
    assert wrong == [], "\n".join(wrong)


def test_what_anybody_and_what_nodes_may_call_is_listed_here(walk: Walk) -> None:
    assert {str(route) for route in walk.routes if route.rule.caller == "public"} == OPEN
    assert {str(route) for route in walk.routes if route.rule.caller == "device"} == OF_NODES


def test_the_document_shows_the_table() -> None:
    roles = {role: GLOBAL_ROLES[role] for role in ("super_admin", "admin")} | dict(SHOP_ROLES)
    rows = [f"| right | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    for permission in get_args(Permission):
        marks = " | ".join("yes" if permission in rights else "" for rights in roles.values())
        rows.append(f"| `{permission}` | {marks} |")
    assert "\n".join(rows) in DOCUMENT.read_text()


SHARED = {
    "/api/heads",
    "/api/conditions",
    "/api/heads/<int:head_id>/decision",
    "/api/thresholds/types/<device_type>",
}
"""What belongs to no shop."""


def _may(caller: str, rule: AccessRule) -> bool:
    """What the table says."""
    if caller in ("anonymous", "token of the owner"):
        return caller != "anonymous" and rule.permission == "notification.read"
    if caller in ("admin", "super_admin"):
        return rule.permission in GLOBAL_ROLES[caller]
    rights = GLOBAL_ROLES["user"] | SHOP_ROLES.get(caller, frozenset())
    return rule.permission in rights and not rule.everywhere


def _of_machines(app: Flask) -> Iterator[Route]:
    for address in app.url_map.iter_rules():
        rule = machines_rule(app.view_functions[address.endpoint])
        assert rule is not None
        for method in sorted((address.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route("machines", method, address.rule, rule)


def _of_people(client: TestClient) -> Iterator[Route]:
    for context in iter_route_contexts(client.app.routes):  # type: ignore[attr-defined]
        if isinstance(context.original_route, APIRoute):
            for method in sorted(context.original_route.methods - {"HEAD"}):
                yield Route("people", method, str(context.path), people_rule(context.dependant))
