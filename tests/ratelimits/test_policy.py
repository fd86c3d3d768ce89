"""The table of limits: what a request costs, and what the operator may set."""

from pathlib import Path

import pytest
from flask import Flask

from signalcraft.api.access import rule_of
from signalcraft.gateway.access import api_routes, personal_handlers
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.ratelimits.policy import KINDS, QUOTAS, kind_of, read_overrides
from signalcraft.settings import Settings

ANYBODY_MAY_CALL_UNCOUNTED = {"/live", "/ready", "/version"}


def test_every_kind_is_paid_by_a_quota_that_can_pay_it() -> None:
    for name, kind in KINDS.items():
        if kind.quota is not None:
            assert 1 <= kind.cost <= QUOTAS[kind.quota].item.amount, name
    assert KINDS["ingest"].share == KINDS["alarm"].share == 1.0 > KINDS["read"].share


def test_every_address_is_counted_but_those_that_supervisors_ask(api_app: Flask, settings: Settings) -> None:
    kinds = {}
    for rule in api_app.url_map.iter_rules():
        view = api_app.view_functions[rule.endpoint]
        mark = rule_of(view)
        assert mark is not None
        for method in rule.methods or ():
            kinds[rule.rule, method] = kind_of(view, caller=mark.caller, method=method)
    gateway = create_gateway(settings)
    personal = personal_handlers(gateway)
    for path, dependant in api_routes(gateway):
        caller = "user" if dependant.call in personal else "public"
        kinds[path, "POST"] = kind_of(dependant.call, caller=caller, method="POST")
    uncounted = {path for (path, _), kind in kinds.items() if KINDS[kind].quota is None}
    assert uncounted == ANYBODY_MAY_CALL_UNCOUNTED
    assert kinds["/api/auth/login", "POST"] == "sign_in"
    assert kinds["/api/iot/sensors/data", "POST"] == "ingest"
    assert kinds["/api/shops", "POST"] == "write"
    assert kinds["/api/dashboard/overview", "GET"] == "read"


def test_the_operator_s_setting_is_read_or_refused_with_a_reason() -> None:
    found = read_overrides(" sign_in = 10/minute; ingest=5000/second ;")
    assert {name: (item.amount, item.get_expiry()) for name, item in found.items()} == {
        "sign_in": (10, 60),
        "ingest": (5000, 1),
    }
    for text, reason in (
        ("pigeons=1/minute", "pigeons"),
        ("sign_in=often", "often"),
        ("sign_in", "no limit"),
        ("sign_in=0/minute", "at least one"),
    ):
        with pytest.raises(ValueError, match=reason):
            read_overrides(text)


def test_the_document_shows_the_tables_that_are_in_force() -> None:
    document = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in document.splitlines() if "| `" in line
    ]
    quotas, kinds = rows[: len(QUOTAS)], rows[len(QUOTAS) :]
    assert quotas == [[f"`{quota.name}`", quota.default, quota.by, quota.reason] for quota in QUOTAS.values()]
    assert [row[:3] for row in kinds] == [
        [f"`{name}`", f"{kind.cost} of {kind.quota}" if kind.quota else "nothing", f"{kind.share:.0%}"]
        for name, kind in KINDS.items()
    ]
