"""Nodes that send again until they are told that it is stored, and remember what they were told."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.telemetry.http import Connection

BATCH = 40
PAUSE_SECONDS = 0.02
"""Between two messages of one node; steady, not as much as it takes."""
AGAIN_SECONDS = 0.1
ANSWER_SECONDS = 15.0
AGAIN = {429, 500, 502, 503, 504}
"""Answers after which the same is sent again: nothing was stored, or nobody knows."""


@dataclass
class Node:
    """One node's memory.

    first_us : the moment of its reading number 0; each later one is a millisecond on.
    acknowledged : how many are known to be stored: they are numbers 0 to this, less one.
    sent : how many were sent at all. messages : in how many messages the acknowledged ones came.
    pause_s : between two messages.
    """

    device_id: str
    first_us: int
    acknowledged: int = 0
    sent: int = 0
    messages: int = 0
    again: int = 0
    unexpected: list[str] = field(default_factory=list)
    pause_s: float = PAUSE_SECONDS

    def moment_us(self, number: int) -> int:
        return self.first_us + number * 1000

    def values(self, number: int) -> tuple[float, float]:
        """Temperature and level of sound of a reading: exact in four bytes each, and no cause for alarm."""
        return -20 + number % 128 / 64, float(number % 1_000)

    def message(self, number: int) -> dict[str, Any]:
        temperature, level = self.values(number)
        return {
            "device_id": self.device_id,
            "timestamp": self.moment_us(number) / 1e6,
            "temperature": temperature,
            "vibration": None,
            "power_consumption": None,
            "audio_level": level,
        }


Attempt = Callable[[int], Awaitable[bool]]
"""Sends the readings from this number on; whether they are acknowledged."""


async def keep_sending(node: Node, size: int, attempt: Attempt, stop: asyncio.Event) -> None:
    """Message after message until told to stop; the last one, too, until it is acknowledged."""
    while not stop.is_set():
        node.sent = node.acknowledged + size
        while not await _tried(node, attempt):
            node.again += 1
            await asyncio.sleep(AGAIN_SECONDS)
        node.acknowledged += size
        node.messages += 1
        await asyncio.sleep(node.pause_s)


async def _tried(node: Node, attempt: Attempt) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await attempt(node.acknowledged)
    except (OSError, EOFError, TimeoutError, websockets.WebSocketException):
        return False


async def single(node: Node, origin: str, stop: asyncio.Event) -> None:
    """One reading a request."""
    connection = Connection(origin)

    async def attempt(number: int) -> bool:
        return await _posted(node, connection, "/api/iot/sensors/data", node.message(number))

    await keep_sending(node, 1, attempt, stop)


async def batches(node: Node, origin: str, stop: asyncio.Event) -> None:
    """A batch a request."""
    connection = Connection(origin)

    async def attempt(number: int) -> bool:
        messages = [node.message(number + place) for place in range(BATCH)]
        return await _posted(node, connection, "/api/iot/sensors/data/batch", messages)

    await keep_sending(node, BATCH, attempt, stop)


async def socket(node: Node, origin: str, stop: asyncio.Event) -> None:
    """One reading a message on a WebSocket, which is opened anew when it breaks."""
    address = origin.replace("http://", "ws://") + "/ws/sensors"
    opened: list[ClientConnection] = []

    async def attempt(number: int) -> bool:
        if not opened:
            opened.append(await connect(address, proxy=None, open_timeout=ANSWER_SECONDS))
        try:
            return await _told(node, opened[0], number)
        except (OSError, EOFError, TimeoutError, websockets.WebSocketException):
            opened.pop().transport.abort()
            raise

    await keep_sending(node, 1, attempt, stop)
    for one in opened:
        await one.close()


async def _posted(node: Node, connection: Connection, path: str, message: Any) -> bool:
    try:
        answer = await connection.post(path, json.dumps(message).encode())
    except BaseException:
        connection.close()  # a timeout leaves half an answer in it
        raise
    if answer.status == 200:
        document = answer.document
        if document.get("errors"):
            node.unexpected.append(str(document["errors"][:2]))
        return True
    if answer.status not in AGAIN:
        node.unexpected.append(f"{answer.status}: {answer.body[:200]!r}")
    return False


async def _told(node: Node, socket: ClientConnection, number: int) -> bool:
    message = node.message(number)
    message |= {"type": "sensor_data", "measured_at": message.pop("timestamp"), "sequence": number}
    await socket.send(json.dumps(message))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("sequence") != number:
            continue  # a command, or the answer to what was given up
        if answer["type"] == "error" and "retry_after_s" not in answer:
            node.unexpected.append(str(answer))
        return bool(answer["type"] == "sensor_data_received")


Sender = tuple[Node, Callable[[Node, str, asyncio.Event], Coroutine[Any, Any, None]]]
"""A node, and what it sends with: the node, the origin, when to stop."""


def crowd(names: Iterator[str], first_us: int) -> list[Sender]:
    """Three nodes of each kind, and how each sends."""
    kinds = (single, batches, socket)
    numbers = count()
    return [(Node(next(names), first_us + next(numbers)), kind) for kind in kinds for _ in range(3)]
