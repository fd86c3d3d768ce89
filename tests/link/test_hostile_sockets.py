"""Sockets made to do harm, at the running system: an answer or an end to each, and memory that stays flat."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from time import monotonic

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from signalcraft.operations import kernel
from system_instance import SystemInstance

pytestmark = pytest.mark.system

HALF_OPEN = 800
SILENT = 200
MESSAGES = 4000
GROWTH_LIMIT = 100 * 2**20
"""Of proxy and link together, for a thousand sockets: 100 KB each."""


@pytest.fixture
def address(running_system: SystemInstance) -> str:
    return f"ws://127.0.0.1:{running_system.public_ports[2]}/ws/sensors"


@pytest.fixture
def good(address: str) -> Iterator[ClientConnection]:
    """A node that minds its own business meanwhile."""
    with connect(address, proxy=None) as node:
        answer_seconds(node, 0)
        yield node


def reading(device_id: str, number: int = 0) -> str:
    at = datetime.now(UTC).timestamp() - number
    return json.dumps(
        {
            "type": "sensor_data",
            "device_id": device_id,
            "measured_at": at,
            "sequence": number,
            "temperature": -18,
        }
    )


def answer_seconds(node: ClientConnection, number: int) -> float:
    """How long the good node waits for its acknowledgement."""
    began = monotonic()
    node.send(reading("GOOD-NODE", number))
    assert json.loads(node.recv(10))["type"] == "sensor_data_received"
    return monotonic() - began


def memory_bytes(system: SystemInstance) -> int:
    processes = system.processes()
    return sum(kernel.memory_bytes(kernel.tree(processes[name]["pid"])) for name in ("link-blue", "proxy"))


def closing_code(node: ClientConnection) -> int:
    """What the server closes with; answers before that are read."""
    with suppress(ConnectionClosed):
        while True:
            node.recv(10)
    assert node.close_code is not None
    return node.close_code


def test_a_message_over_the_limit_ends_the_socket(address: str, good: ClientConnection) -> None:
    with connect(address, proxy=None) as node:
        node.send("x" * 1_000_000)
        # What is still on its way may reset the connection before the code arrives.
        assert closing_code(node) in (CloseCode.MESSAGE_TOO_BIG, CloseCode.ABNORMAL_CLOSURE)
    assert answer_seconds(good, 1) < 5


def test_binary_where_text_belongs_is_answered_and_ends_the_socket(
    address: str, good: ClientConnection
) -> None:
    with connect(address, proxy=None) as node:
        node.send(bytes(range(256)))
        assert json.loads(node.recv(10))["type"] == "error"
        for _ in range(19):
            node.send(bytes(range(256)))
        assert closing_code(node) == 1008
    assert answer_seconds(good, 2) < 5


def test_who_never_reads_is_not_written_to_without_end(
    running_system: SystemInstance, address: str, good: ClientConnection
) -> None:
    """The next message is taken when the last one is answered, so what is not read stays with the sender."""
    before = memory_bytes(running_system)
    port = running_system.public_ports[2]
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(_handshake(port))
        raw.settimeout(3)
        with suppress(OSError):
            for number in range(MESSAGES):
                raw.sendall(_frame(reading("NEVER-READS", number)))
        assert memory_bytes(running_system) - before < GROWTH_LIMIT
    assert answer_seconds(good, 3) < 5


def test_a_crowd_that_opens_sockets_and_says_nothing_disturbs_nobody(
    running_system: SystemInstance, address: str, good: ClientConnection
) -> None:
    answer_seconds(good, 4)
    before = memory_bytes(running_system)
    port = running_system.public_ports[2]
    with ExitStack() as crowd:
        for number in range(HALF_OPEN):
            raw = crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 2:
                raw.sendall(b"GET /ws/sensors HTTP/1.1\r\nHost: x\r\n")
        for _ in range(SILENT):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(_handshake(port))
        assert answer_seconds(good, 5) < 5
        assert memory_bytes(running_system) - before < GROWTH_LIMIT
    assert answer_seconds(good, 6) < 5


def test_two_nodes_under_one_name_are_noted_and_both_are_served(
    running_system: SystemInstance, address: str
) -> None:
    with connect(address, proxy=None) as first, connect(address, proxy=None) as second:
        for number in range(3):
            for node, sequence in ((first, 10 * number), (second, 10 * number + 5)):
                node.send(reading("TWINS", sequence))
                assert json.loads(node.recv(10))["sequence"] == sequence
        deadline = monotonic() + 10
        while True:
            [(noted,)] = running_system.rows(
                "SELECT id_conflict_at IS NOT NULL FROM devices WHERE device_id = 'TWINS'"
            )
            if noted:
                return
            assert monotonic() < deadline


def _handshake(port: int) -> bytes:
    return (
        f"GET /ws/sensors HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _frame(text: str) -> bytes:
    """A masked text frame (RFC 6455, 5.2); the mask is zero."""
    payload = text.encode()
    return b"\x81" + bytes([0x80 | 126]) + len(payload).to_bytes(2, "big") + bytes(4) + payload
