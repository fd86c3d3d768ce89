"""Text that would be a statement, a header or a path elsewhere is only text here, or is refused."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from flask import Flask
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.settings import get_settings
from signalcraft.strict_query import declared_queries

STATEMENTS = (
    "' OR '1'='1",
    "x'; DROP TABLE users; --",
    "%' UNION SELECT password_hash FROM users --",
    "1); SELECT pg_sleep(5); --",
    "\\'; SELECT 1 --",
)
WILDCARDS = ("%", "_", "%%", "__________", "[a-z]", ".*")
"""What a search must take as itself: nothing here is named so."""
PATHS = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "....//x",
    "/etc/passwd",
    "..\\..\\x",
    "a/../b",
    ".",
    "..",
)
HEADER = "x\r\nSet-Cookie: sc_access=evil"


def search(client: TestClient, headers: dict[str, str], path: str, text: str) -> int:
    answer = client.get(path, params={"search": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["data"]["total"])


def test_a_search_finds_what_is_named_so_and_runs_nothing(
    gateway_client: TestClient, admin: Person, fleet: FleetFixture
) -> None:
    headers = bearer(gateway_client, admin)
    addresses = ("/api/admin/users", "/api/admin/shops", "/api/admin/devices")
    names = (admin.username, fleet.shop.name, fleet.device.device_id[:-5])
    for path, name in zip(addresses, names, strict=True):
        assert search(gateway_client, headers, path, name[1:-1]) == 1, name
        for text in (*STATEMENTS, *(wildcard for wildcard in WILDCARDS if wildcard not in name)):
            assert search(gateway_client, headers, path, text) == 0, (path, text)


def test_no_parameter_of_any_question_reaches_a_statement(
    gateway_client: TestClient, api_app: Flask, api_client: FlaskClient, admin: Person
) -> None:
    """Each parameter of each query in turn; a statement that broke would be a 5xx."""
    headers = bearer(gateway_client, admin)
    asked = 0
    for document, ask in (
        (gateway_client.get("/api/openapi/gateway.json").json(), gateway_client.get),
        (api_client.get("/api/openapi/api.json").get_json(), api_client.get),
    ):
        for (path, method), names in declared_queries(document).items():
            if method != "GET" or "stream" in path:
                continue
            address = re.sub(r"\{[a-z_]+\}", "1", path)
            for place, name in enumerate(sorted(names)):
                text = STATEMENTS[place % len(STATEMENTS)]
                answer = ask(address, headers=headers, **_query(ask, name, text))
                asked += 1
                assert answer.status_code < 500, (path, name, answer.text)
                assert answer.status_code == 422 or "' OR '1'" not in answer.text
    assert asked > 30
    assert gateway_client.get("/api/auth/verify", headers=headers).status_code == 200, "users are still there"


def _query(ask: Any, name: str, text: str) -> dict[str, Any]:
    return {"query_string" if isinstance(ask.__self__, FlaskClient) else "params": {name: text}}


def test_a_name_is_kept_as_it_was_typed(gateway_client: TestClient, admin: Person) -> None:
    headers = bearer(gateway_client, admin)
    for name in STATEMENTS:
        made = gateway_client.post("/api/admin/shops", json={"name": name}, headers=headers)
        assert made.status_code == 201, made.text
        assert made.json()["data"]["name"] == name


def test_no_path_is_the_name_of_a_device(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for name in PATHS:
        sent = (
            api_client.post("/api/esp32/register", json={"device_id": name}),
            api_client.get("/api/esp32/config", query_string={"device_id": name}),
            api_client.post("/api/esp32/claim", json={"device_id": name, "claim_code": "ABCD-EFGH"}),
            api_client.post(
                "/api/esp32/audio/upload",
                data=bytes(32_000),
                headers={"X-Device-ID": name, "X-Sample-Rate": "16000", "X-Bits-Per-Sample": "16"},
                content_type="application/octet-stream",
            ),
        )
        assert [answer.status_code for answer in sent] == [422] * 4, name
        blocked = gateway_client.post(f"/api/admin/devices/{name}/block", headers=headers)
        keys = api_client.post(f"/api/devices/{name}/keys", headers=headers)
        assert {blocked.status_code, keys.status_code} <= {404, 405, 422}, name
    with unit_of_work() as session:
        assert session.query(Device).count() == 0


def test_the_name_of_a_file_is_nobody_s_path(
    api_client: FlaskClient, gateway_client: TestClient, owner: Person, fleet: FleetFixture
) -> None:
    """What is stored is named by us; the sender's name for it is not even kept."""
    headers = bearer(gateway_client, owner)
    store = Path(get_settings().object_store_url.removeprefix("file://"))
    before = files_near(store)
    for number, name in enumerate(
        ("../../evil.wav", "/evil.wav", "evil\0.wav", "evil.php", 'e"\r\nX: y.wav')
    ):
        sound = io.BytesIO()
        soundfile.write(sound, np.random.default_rng(number).normal(0, 0.1, 16_000), 16_000, format="WAV")
        answer = api_client.post(
            "/api/ai/analyze",
            data={"audio": (io.BytesIO(sound.getvalue()), name), "machine_id": str(fleet.machine.id)},
            headers=headers,
        )
        assert answer.status_code in {200, 202, 400, 422}, answer.text
        assert "evil" not in answer.text
    made = files_near(store) - before
    assert len(made) > 2
    assert [path for path in made if store not in path.parents or "evil" in path.name] == []


def files_near(store: Path) -> set[Path]:
    """The files of the instance, and evil ones where a path from the store would lead."""
    found = {path for path in store.parent.rglob("*") if path.is_file() and "objects" in path.parts}
    return found | set(store.parent.glob("evil*")) | set(Path("/").glob("evil*"))


def test_nothing_of_a_request_becomes_a_header_of_the_answer(
    api_client: FlaskClient, gateway_client: TestClient, owner: Person
) -> None:
    for text in ("%0d%0aX-Evil:%201", "%0aX-Evil:%201", "\u560d\u560aX-Evil: 1"):
        for path in (
            f"/api/kakao/callback?error={text}",
            f"/api/kakao/callback?code={text}&state={text}",
            f"/machines/{text}",
            f"/api/{text}",
        ):
            answer = gateway_client.get(path, headers={"X-Request-ID": "a b"}, follow_redirects=False)
            assert "evil" not in str(answer.headers).lower(), path
        reply = api_client.get(f"/api/esp32/config?device_id={text}")
        assert "evil" not in str(reply.headers).lower()
    refused = gateway_client.post("/api/auth/login", json={"username": HEADER, "password": owner.password})
    assert refused.status_code in {401, 422}
    assert "set-cookie" not in refused.headers
