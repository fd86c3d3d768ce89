"""The live event stream (server-sent events; WHATWG HTML, 9.2), through reconnections without a gap."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from signalcraft.client.connection import Connection
from signalcraft.client.errors import BusyError, UnreachableError
from signalcraft.client.patience import Patience

PATH = "/api/notifications/stream"
SILENCE_SECONDS = 60.0
"""The server sends a sign of life every few seconds; after a minute of nothing the connection is dead."""


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    id : its number, to come back with; None for readings, which are only ever live.
    type : such as `alarm.raised`, `analysis.finished`, or `reset`: events were missed, read the state anew.
    data : the whole event as the server sent it.
    """

    id: int | None
    type: str
    data: dict[str, Any]


def follow(
    connection: Connection, *, after: int | None, machine_id: int | None, patience: Patience
) -> Iterator[Event]:
    """Events for ever, each once and in order.

    A broken connection is opened again where it stopped. Ends only by an exception: a refusal, or a server
    that stays away for longer than `patience`.
    """
    position = after
    query = {} if machine_id is None else {"machine": machine_id}
    failures, waited = 0, 0.0
    while True:
        headers = {} if position is None else {"Last-Event-ID": str(position)}
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        try:
            with connection.stream(PATH, params=query, headers=headers, timeout=timeout) as response:
                for event in parse(response.iter_lines()):
                    failures, waited = 0, 0.0
                    position = event.id if event.id is not None else position
                    if event.type != "connected":
                        yield event
        except (httpx.TransportError, BusyError) as error:
            if waited > patience.seconds:
                raise UnreachableError(f"the event stream is gone: {error}") from error
        pause = patience.pause_seconds(failures)
        patience.sleep(pause)
        failures, waited = failures + 1, waited + pause


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a stream. What is no event of ours is passed over."""
    event_id: int | None = None
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and value.isdigit():
            event_id = int(value)
        elif name == "data":
            data.append(value)
        elif not line:
            if data:
                document = json.loads("\n".join(data))
                yield Event(event_id, str(document.get("type")), document)
            event_id, data = None, []
