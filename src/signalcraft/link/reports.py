"""What nodes tell of themselves, written down for many of them in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db import failures
from signalcraft.db.session import repeated
from signalcraft.errors import NotFoundError, SignalCraftError
from signalcraft.fleet import commands, conflicts, queries, states
from signalcraft.fleet.admission import admit
from signalcraft.fleet.models import Device
from signalcraft.fleet.queries import KnownDevice
from signalcraft.fleet.states import Told
from signalcraft.link.connections import POLICY, Connection, Connections
from signalcraft.link.messages import CommandAck
from signalcraft.logging import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS = 0.1
AT_ONCE = 100
"""Nodes of one transaction. When thousands come back at once, what they tell of themselves must not keep
their readings waiting: 1,000 a second are written down."""


@dataclass
class _Report:
    """What one node told since the last transaction."""

    told: dict[str, Any] = field(default_factory=dict)
    acks: list[CommandAck] = field(default_factory=list)
    conflict: bool = False


class Reports:
    """Gathers what nodes tell, and writes it down. A report that could not be written is told again."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._waiting: dict[Connection, _Report] = {}

    def tell(self, connection: Connection, **told: Any) -> None:
        """Members of `states.Told`; without any the node is only introduced."""
        self._report(connection).told |= told

    def acknowledge(self, connection: Connection, ack: CommandAck) -> None:
        self._report(connection).acks.append(ack)

    def conflict(self, connection: Connection) -> None:
        """Another node is connected under the same name, and both speak."""
        self._report(connection).conflict = True

    def forget(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    async def run(self) -> None:
        """Write down what comes, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            reports = [(one, self._waiting.pop(one)) for one in list(self._waiting)[:AT_ONCE]]
            if not reports:
                continue
            try:
                answers = await asyncio.to_thread(repeated, lambda session: _write(session, reports))  # noqa: B023
            except SQLAlchemyError as error:
                log.error("reports_not_written", reason=failures.reason(error))
                continue
            for (connection, _), answer in zip(reports, answers, strict=True):
                if isinstance(answer, SignalCraftError):
                    self._connections.close(connection, POLICY, answer.detail)
                else:
                    connection.device = answer

    def _report(self, connection: Connection) -> _Report:
        return self._waiting.setdefault(connection, _Report())


def _write(session: Session, reports: Sequence[tuple[Connection, _Report]]) -> list[int | SignalCraftError]:
    """The number of each device, or why it is not let in."""
    callers = [connection.caller for connection, _ in reports if connection.caller is not None]
    admitted = admit(session, callers, now=utc_now())
    answers = [device.id if isinstance(device, KnownDevice) else device for device in admitted]
    devices = queries.devices_by_id(session, [device for device in answers if isinstance(device, int)])
    told = []
    for (_, report), answer in zip(reports, answers, strict=True):
        if isinstance(answer, int):
            _note(session, devices[answer], report)
            if report.told:
                told.append((devices[answer], Told(**report.told)))
    if told:
        states.note(session, told)
    return answers


def _note(session: Session, device: Device, report: _Report) -> None:
    if report.conflict:
        conflicts.note(session, device)
    for ack in report.acks:
        try:
            commands.acknowledged(
                session, device.id, ack.command_id, succeeded=ack.success, message=ack.message
            )
        except NotFoundError:
            log.info("unknown_command_acknowledged", device_id=device.device_id, command_id=ack.command_id)
