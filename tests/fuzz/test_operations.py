"""Schemathesis against every operation of both tiers, as every kind of caller, with all of its checks.

`make test` runs a few cases of each operation from a fixed seed; `make fuzz` runs many from a new one.
"""

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice

import cbor2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData, UnsupportedMethodResponse
from schemathesis.schemas import APIOperation, BaseSchema
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer, make_fleet, make_person
from signalcraft.accounts import api_tokens
from signalcraft.api.app import create_app as create_api
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.ratelimits.policy import QUOTAS, limits_in_force
from signalcraft.settings import Settings, get_settings

COVERED = int(os.environ.get("SIGNALCRAFT_FUZZ_COVERED", "7"))
"""Cases at the edges of what an operation's description allows, drawn from all of them."""
RANDOM = int(os.environ.get("SIGNALCRAFT_FUZZ_RANDOM", "2"))
"""Random cases within the description, and as many against it."""
SEED = int(os.environ.get("SIGNALCRAFT_FUZZ_SEED", "4"))

SHADOWS = (AllowHeaderMismatch, UnsupportedMethodResponse)
SHADOWED = {"/api/members/{shop_id}/invitations", "/api/iot/sensors/data/batch"}
"""Where the path of another operation fits too (`…/{user_id}`, `…/{device_id}`), a method that this one lacks
is the other's: it is refused for its path, or allowed."""
REFUSED_BY_A_RULE = {
    "POST /api/ai/analyze": "a file is judged by what is in it",
    "POST /api/ai/lightweight-analyze": "a file is judged by what is in it",
    "POST /api/lightweight-analyze": "a file is judged by what is in it",
    "POST /api/esp32/audio/upload": "samples are whole numbers of two bytes and a time lies within limits",
    "POST /api/esp32/register": "no text holds a NUL or half a character",
    "POST /api/esp32/features": "a time lies within limits",
    "POST /api/iot/sensors/data": "a time lies within limits",
    "POST /api/esp32/claim": "a claim code has to be one that was made",
    "GET /api/machines/{machine_id}/readings": "a range ends after it begins",
    "PATCH /api/machines/{machine_id}": "something has to change",
    "POST /api/auth/change-password": "common passwords are refused",
    "POST /api/auth/register": "common passwords are refused",
    "POST /api/auth/confirm-email": "a link has to be one that was sent",
    "POST /api/auth/reset-password": "a link has to be one that was sent",
    "POST /api/auth/invitation": "a link has to be one that was sent",
    "POST /api/auth/accept-invitation": "a link has to be one that was sent",
    "POST /api/auth/register-by-invitation": "a link has to be one that was sent",
    "POST /api/members/{shop_id}/invitations": "a membership ends later than now",
    "PUT /api/admin/users/{user_id}/grants/{shop_id}": "a grant ends later than now",
    "POST /api/account/tokens": "a token ends later than now",
    "PATCH /api/devices/{device_id}": "a change changes something",
    "PATCH /api/devices/{device_id}/settings": "a change changes something",
    "GET /api/devices/{device_id}/readings": "a range ends after it begins",
    "GET /api/devices/{device_id}/readings/export": "a range ends after it begins",
    "PUT /api/devices/{device_id}/thresholds": "limits do not contradict each other or the sensor",
    "PUT /api/thresholds/types/{device_type}": "limits do not contradict each other or the sensor",
    "POST /api/esp32/heartbeat": "a node writes whole numbers without a fraction",
    "POST /api/firmware/images": "an image is what its hash and its signature say",
    "POST /api/iot/sensors/data/batch": "what is in a batch is told reading by reading",
}
"""What a description cannot say: only here a request that keeps to it may be answered with 422."""

SHOP_ROLES = ("store_owner", "store_manager", "technician", "viewer")
CALLERS = ("super_admin", "admin", *SHOP_ROLES, "program", "nobody")
"""A program has an API token of a shop's owner, which lets it read."""

Headers = dict[str, str]


class Callers:
    """Credentials of every role; whose session a case has ended gets a new person."""

    def __init__(self, gateway: TestClient, shop_id: int) -> None:
        self._gateway = gateway
        self._shop_id = shop_id
        self._known: dict[str, Headers] = {}
        self._made = 0

    def headers(self, role: str) -> Headers:
        if role == "nobody":
            return {}
        if role not in self._known:
            self._made += 1
            name = f"{role}-{self._made}"
            if role in ("super_admin", "admin"):
                person = make_person(name, role=role)
            else:
                shop_role = role if role in SHOP_ROLES else "store_owner"
                person = make_person(name, shops={self._shop_id: shop_role})
            if role == "program":
                self._known[role] = token_of(person)
            else:
                self._known[role] = bearer(self._gateway, person)
        return self._known[role]

    def renew(self, role: str) -> None:
        """Forget a session that is over."""
        known = self._known.get(role)
        if known and self._gateway.get("/api/auth/verify", headers=known).status_code == 401:
            del self._known[role]


def token_of(person: Person) -> Headers:
    """Headers of a program with an API token of this person."""
    with unit_of_work() as session:
        _, secret = api_tokens.make_token(
            session,
            person.principal,
            name="fuzz",
            permissions=["fleet.read", "notification.read"],
            shop_ids=None,
            expires_at=None,
        )
    return {"Authorization": f"Bearer {secret}"}


class Findings:
    """What was called, what came back, and what was wrong with it."""

    def __init__(self) -> None:
        self.cases = 0
        self.statuses: Counter[int] = Counter()
        self.failures: dict[tuple[str, str], str] = {}

    def report(self, tier: str, operations: int) -> str:
        counts = f"{operations} operations, {self.cases} cases, {len(self.failures)} kinds of failure"
        return (
            f"{tier}: {counts}; {', '.join(f'{n} x {status}' for status, n in sorted(self.statuses.items()))}"
        )


@pytest.fixture
def tiers(
    settings: Settings, fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, BaseSchema], Callers]]:
    """The descriptions of both tiers with their applications, and who calls them; nobody meets a limit."""
    monkeypatch.setenv("SIGNALCRAFT_RATE_LIMITS", ";".join(f"{name}=1000000/second" for name in QUOTAS))
    monkeypatch.setenv("SIGNALCRAFT_STREAM_AGE_SECONDS", "0.05")
    monkeypatch.setenv("SIGNALCRAFT_STREAM_HEARTBEAT_SECONDS", "0.02")
    get_settings.cache_clear()
    limits_in_force.cache_clear()
    make_fleet("Another shop", "ESP32_MIC_0002")
    gateway, api = create_gateway(), create_api()
    with TestClient(gateway, headers={"X-Requested-With": "tests"}) as client:
        schemas = {
            "gateway": schemathesis.openapi.from_asgi("/api/openapi/gateway.json", gateway),
            "api": schemathesis.openapi.from_wsgi("/api/openapi/api.json", api),
        }
        yield schemas, Callers(client, fleet.shop.id)
    monkeypatch.undo()
    get_settings.cache_clear()
    limits_in_force.cache_clear()


@pytest.mark.parametrize("tier", ["gateway", "api"])
def test_every_operation_keeps_to_its_description(
    tiers: tuple[dict[str, BaseSchema], Callers], tier: str
) -> None:
    schemas, callers = tiers
    findings = Findings()
    operations = [result.ok() for result in schemas[tier].get_all_operations()]
    roles = cycle(CALLERS)
    for operation in operations:
        for case in cases_of(operation):
            check(case, next(roles), callers, findings)
    sys.stderr.write(findings.report(tier, len(operations)) + "\n")
    assert not findings.failures, "\n\n".join(findings.failures.values())


def cases_of(operation: APIOperation) -> list[Case]:
    """Edges of the description, then random cases, within it and against it."""
    schema = operation.schema
    edges = list(
        schema.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=schema.config.generation_for(operation=operation),
        )
    )
    chance = random.Random(SEED)
    wrong_methods = [case for case in edges if case.method != operation.method.upper()]
    edges = [case for case in edges if case.method == operation.method.upper()]
    found = chance.sample(wrong_methods, min(1, len(wrong_methods)))
    found += chance.sample(edges, min(COVERED, len(edges)))
    for mode in GenerationMode:
        found += drawn(operation, mode)
    return found


def drawn(operation: APIOperation, mode: GenerationMode) -> list[Case]:
    """Random cases of an operation; of one without any input there are none against its description."""
    found: list[Case] = []

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=RANDOM,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def draw(case: Case) -> None:
        found.append(case)

    try:
        draw()
    except hypothesis.errors.Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
    return list(islice(found, RANDOM))


@schemathesis.serializer("application/cbor")
def cbor(_: object, value: object) -> bytes:
    return cbor2.dumps(value)


@schemathesis.serializer("application/x-ndjson")
def lines(_: object, value: object) -> bytes:
    items = value if isinstance(value, list) else [value]
    return b"\n".join(json.dumps(item).encode() for item in items)


def check(case: Case, role: str, callers: Callers, findings: Findings) -> None:
    headers = callers.headers(role)
    response = case.call(headers=headers)
    findings.cases += 1
    findings.statuses[response.status_code] += 1
    if response.status_code == 401:
        callers.renew(role)
    try:
        case.validate_response(response, headers=headers)
    except FailureGroup as group:
        for failure in group.exceptions:
            if isinstance(failure, RejectedPositiveData) and case.operation.label in REFUSED_BY_A_RULE:
                continue
            if isinstance(failure, SHADOWS) and case.operation.path in SHADOWED:
                continue
            key = (case.operation.label, type(failure).__name__)
            findings.failures.setdefault(
                key, f"{case.operation.label} as {role}: {failure}\n{case.as_curl_command()}"
            )
