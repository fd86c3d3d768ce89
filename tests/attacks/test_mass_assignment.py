"""Nobody gives themselves rights by adding fields: what an operation does not name, it refuses."""

from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from signalcraft.accounts.models import User
from signalcraft.db.session import unit_of_work

FREE = {
    "POST /api/esp32/features",
    "POST /api/esp32/register",
    "POST /api/iot/sensors/data",
    "POST /api/iot/sensors/data/batch",
}
"""What field firmware sends besides is kept as it came or dropped, and is named by no code."""
POWERFUL = {"role", "roles", "status", "is_admin", "password_hash", "user_id", "scopes", "second_factor"}


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation that takes a JSON object, with the descriptions of what it may be."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, described in content.items():
                for schema in _objects(described.get("schema", {}), schemas):
                    if media_type != "multipart/form-data":
                        yield f"{method.upper()} {path}", schema


def _objects(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from _objects(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _objects(part, schemas)
    if schema.get("type") == "object":
        yield schema


def test_no_operation_takes_fields_that_it_does_not_name(
    api_client: FlaskClient, gateway_client: TestClient
) -> None:
    documents = (
        gateway_client.get("/api/openapi/gateway.json").json(),
        api_client.get("/api/openapi/api.json").get_json(),
    )
    described = [found for document in documents for found in bodies(document)]
    assert len({operation for operation, _ in described}) > 25
    open_ones = {
        operation for operation, schema in described if schema.get("additionalProperties") is not False
    }
    assert open_ones - {"POST /api/auth/login"} == FREE, "sign-in by form ignores further fields"


def test_nobody_makes_more_of_themselves(
    gateway_client: TestClient, owner: Person, fleet: FleetFixture
) -> None:
    headers = bearer(gateway_client, owner)
    extra = dict.fromkeys(POWERFUL, "super_admin")
    address = {"email": "a@shop.example", "password": owner.password}
    for path, body in (
        ("/api/auth/login", {"username": owner.username, "password": owner.password}),
        ("/api/auth/change-email", address),
        (
            "/api/auth/change-password",
            {"current_password": owner.password, "new_password": "a new one of mine"},
        ),
        ("/api/account/tokens", {"name": "x", "permissions": ["fleet.read"]}),
        ("/api/auth/logout-everywhere", {"keep_current": True}),
    ):
        answer = gateway_client.post(path, json=body | extra, headers=headers)
        assert answer.status_code == 422, (path, answer.text)
        assert {error["field"] for error in answer.json()["errors"]} == POWERFUL
    with unit_of_work() as session:
        assert session.get_one(User, owner.principal.user_id).role == "user"
