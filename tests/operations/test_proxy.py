"""The proxy, really started, before two stand-in tiers."""

import contextlib
import dataclasses
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from signalcraft.operations import proxy
from signalcraft.operations.instance import Instance
from signalcraft.operations.tiers import READING_PATH
from signalcraft.security_headers import security_headers
from stand_in_tiers import proxy_of, serving


@pytest.fixture
def client(made: Instance) -> Iterator[httpx.Client]:
    """A client of the running proxy; no tier runs yet."""
    with proxy_of(made) as client:
        yield client


def test_each_path_goes_to_its_tier_from_either_port(client: httpx.Client, made: Instance) -> None:
    expected = {
        "/": "gateway /",
        "/api/auth/login": "gateway /api/auth/login",
        "/api/notifications/stream": "gateway /api/notifications/stream",
        "/api/openapi/gateway.json": "gateway /api/openapi/gateway.json",
        "/api/openapi/api.json": "api /api/openapi/api.json",
        "/api/shopsandmore": "gateway /api/shopsandmore",
        "/api/esp32": "api /api/esp32",
        "/api/shops": "api /api/shops",
        "/api/machines/7?x=1": "api /api/machines/7?x=1",
        "/api/esp32/audio/upload": "api /api/esp32/audio/upload",
        "/api/flask/api/iot/sensors/data?a=%20b": "api /api/iot/sensors/data?a=%20b",
        "/ws/sensors": "link /ws/sensors",
    }
    with serving(made, "gateway"), serving(made, "api"), serving(made, "link"):
        for port in proxy.public_ports(made.settings):
            seen = {path: client.get(f"http://127.0.0.1:{port}{path}").headers["X-Seen"] for path in expected}
            assert seen == expected


def test_lone_readings_go_to_the_link_and_what_it_does_not_take_to_the_api_tier(
    client: httpx.Client, made: Instance
) -> None:
    def send(body: bytes) -> tuple[str, str]:
        answer = client.post(READING_PATH, content=body, headers={"X-Request-ID": "node-0001"})
        assert (answer.status_code, answer.headers["Seen-X-Request-ID"]) == (200, "node-0001")
        assert "X-Accel-Redirect" not in answer.headers
        return answer.headers["X-Seen"].partition(" ")[0], answer.headers["Seen-Body"]

    with serving(made, "api"):
        with serving(made, "link"):
            assert send(b"usual") == ("link", "usual")
            assert send(b"unusual") == ("api", "unusual")
            assert send(b"die") == ("api", "die"), "a reading may be sent twice"
        assert send(b"usual") == ("api", "usual"), "the link is down"


def test_request_ids_are_kept_if_sane_and_the_client_s_address_is_ours_to_tell(
    client: httpx.Client, made: Instance
) -> None:
    def seen(request_id: str) -> httpx.Headers:
        return client.get("/", headers={"X-Request-ID": request_id, "X-Forwarded-For": "6.6.6.6"}).headers

    with serving(made, "gateway"):
        assert seen("node-7.0001")["Seen-X-Request-ID"] == "node-7.0001"
        for bad in ("short", "has space inside", 'quote"quote"quote', "x" * 65):
            replaced = seen(bad)
            assert len(replaced["Seen-X-Request-ID"]) == 32
            assert replaced["Seen-X-Forwarded-For"] == "127.0.0.1"


def test_a_request_waits_for_a_tier_that_is_being_restarted(client: httpx.Client, made: Instance) -> None:
    with ExitStack() as stack:
        late = threading.Timer(1.0, lambda: stack.enter_context(serving(made, "api")))
        late.start()
        answer = client.post("/api/esp32/audio/upload", content=b"\x01\x02" * 160_000)
        late.join()
    assert answer.status_code == 200


def test_what_a_tier_may_have_done_is_not_sent_again(client: httpx.Client, made: Instance) -> None:
    with serving(made, "api"):
        began = time.monotonic()
        answer = client.post("/api/iot/die", content=b"{}")
    assert time.monotonic() - began < 1
    _assert_problem(answer, 502)


def test_errors_of_the_proxy_itself_are_problem_documents(client: httpx.Client, made: Instance) -> None:
    for path, limit in (
        ("/api/iot/x", made.settings.upload_limit_bytes),
        ("/api/auth/login", made.settings.json_limit_bytes),
    ):
        too_large = client.post(path, content=bytes(limit + 1))
        _assert_problem(too_large, 413)
        assert too_large.json()["errors"][0]["field"] == "body"
    nobody = client.get("/")
    _assert_problem(nobody, 503)
    assert nobody.headers["Retry-After"] == "5"


UNREADABLE = [
    (b"\x16\x03\x01\x02\x00", b"", 400),
    (b"get / HTTP/1.1", b"", 400),
    (b"GET /%00 HTTP/1.1", b"", 400),
    (b"GET /api/%zz HTTP/1.1", b"", 400),
    (b"GET /static/..%2f..%2fsettings.py HTTP/1.1", b"", 400),
    (b"GET /../etc/passwd HTTP/1.1", b"", 400),
    ("GET /기계 HTTP/1.1".encode(), b"", 400),
    (b"OPTIONS * HTTP/1.1", b"", 400),
    (b"GET /.problem/400 HTTP/1.1", b"", 404),
    (b"GET /.pause HTTP/1.1", b"", 404),
    (b"TRACE / HTTP/1.1", b"", 405),
    (b"GET /?" + b"a" * 8190 + b" HTTP/1.1", b"", 414),
    (b"GET / HTTP/1.1", b"X-Long: " + b"a" * 8190 + b"\r\n", 400),
    (b"GET / HTTP/1.1", b"X-One-Of-Many: 1\r\n" * 100, 400),
    (b"POST / HTTP/1.1", b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
    (b"POST / HTTP/1.1", b"Transfer-Encoding: gzip\r\n", 501),
    (b"GET / HTTP/3.0", b"", 505),
]
"""First line and further headers of requests that no tier could parse, and the status they deserve."""


def test_what_no_tier_could_read_is_answered_by_a_problem_document(
    client: httpx.Client, made: Instance
) -> None:
    client.get("/.pause")  # until it listens
    for first_line, headers, status in UNREADABLE:
        request = first_line + b"\r\nHost: a\r\nConnection: close\r\n" + headers + b"\r\n"
        with socket.create_connection(("127.0.0.1", made.settings.gateway_port), timeout=20) as connection:
            connection.sendall(request)  # httpx would refuse to
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status, request[:80]
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == status


SMUGGLED = [
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Content-Length: +4\r\n",
    b"Content-Length: 4, 4\r\n",
    b"X: 1\rTransfer-Encoding: chunked\r\n",
    b"Host: b\r\n",
]
"""Headers whose meaning two servers might not agree on, so that one sees a second request in the body."""


def test_no_second_request_hides_in_a_body(client: httpx.Client, made: Instance) -> None:
    hidden = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    with serving(made, "gateway"):
        client.get("/")
        for headers in SMUGGLED:
            answer = _exchange(made, b"POST / HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n" + hidden)
            assert b"/hidden" not in answer, headers
            assert int(answer.split()[1]) in (400, 501), (headers, answer[:80])


def test_a_body_that_does_not_arrive_ends_at_the_proxy(made: Instance) -> None:
    head = b"POST /api/iot/sensors/data HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
    with proxy_of(made, hurried) as client, serving(made, "api"):
        client.get("/api/shops")
        began = time.monotonic()
        answer = _exchange(made, head)
    assert 0.5 < time.monotonic() - began < 2.5
    assert b"X-Seen" not in answer, "the tier has heard nothing of it"


def hurried(configuration: str) -> str:
    return configuration.replace("client_body_timeout 20s", "client_body_timeout 1s")


def test_a_terminator_is_believed_only_where_it_is_named(made: Instance) -> None:
    forged = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    for trusted, address, scheme in (
        ((), "127.0.0.1", "http"),
        (("10.0.0.0/8",), "127.0.0.1", "http"),
        (("127.0.0.1/32",), "203.0.113.7", "https"),
    ):
        settings = made.settings.model_copy(update={"trusted_proxies": trusted})
        instance = dataclasses.replace(made, settings=settings)
        with proxy_of(instance) as client, serving(made, "gateway"):
            seen = client.get("/", headers=forged).headers
        assert (seen["Seen-X-Forwarded-For"], seen["Seen-X-Forwarded-Proto"]) == (address, scheme)


def test_the_proxy_s_own_answers_are_as_guarded_as_the_tiers(made: Instance) -> None:
    secure = dataclasses.replace(made, settings=made.settings.model_copy(update={"cookie_secure": True}))
    with proxy_of(secure) as client:
        answer = client.get("/")
    assert answer.status_code == 503
    for name, value in security_headers(page=False, tls=True).items():
        assert answer.headers[name] == value


def _exchange(made: Instance, request: bytes) -> bytes:
    """What comes back until the server closes or says nothing more; httpx would refuse to send this."""
    with socket.create_connection(("127.0.0.1", made.settings.gateway_port), timeout=3) as connection:
        connection.sendall(request)
        found = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while more := connection.recv(65_536):
                found += more
                if b"400" in found[:20] or b"501" in found[:20]:
                    break
        return found


def _assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["success"] is False
    assert document["request_id"] == answer.headers["X-Request-ID"]
