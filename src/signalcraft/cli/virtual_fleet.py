"""Virtual shops for `simulate`: their rows, and their nodes on one simulated clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.client import ClientError, Measurement, NodeClient
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError
from signalcraft.fleet import administration
from signalcraft.fleet import service as fleet
from signalcraft.fleet.keys import make_key
from signalcraft.fleet.models import Machine
from signalcraft.simulation.machine import SAMPLE_RATE_HZ, VirtualMachine

CLIP_SECONDS = 10.0
SHOP_CLOCK = timedelta(hours=9)
"""Virtual shops stand in Korea: a machine's own clock, on which 0 is midnight, is 9 hours ahead of UTC."""
OPERATOR = Principal(user_id=0, username="operator", role="admin")
"""Whoever may run this command on the host may write to its database anyway."""


@dataclass
class VirtualNode:
    """One node with its compressor, and what became of its messages."""

    device_id: str
    key: str
    machine_id: int
    name: str
    compressor: VirtualMachine
    next_clip_at: datetime
    readings: int = 0
    clips: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Schedule:
    """When, in simulated time, nodes send."""

    start: datetime
    end: datetime
    reading_interval: timedelta
    clip_interval: timedelta
    running_only: bool = False
    """Nodes that listen for their compressor send sound only while it runs; others in every state."""

    def moments(self) -> Iterator[datetime]:
        moment = self.start
        while moment < self.end:
            yield moment
            moment += self.reading_interval


def machine_time(moment: datetime) -> float:
    """Seconds on the machines' clock."""
    return (moment + SHOP_CLOCK).timestamp()


def settle(session: Session, shop_number: int, machine_number: int, seed: int) -> tuple[str, str, Machine]:
    """The device's name, its new key and its machine, made or found again, labelled as synthetic.

    Raises
    ------
    ConflictError
        A real machine has the name of a simulated device.
    """
    shop_name = f"모의 매장 {shop_number} · Simulated shop {shop_number}"
    device_id = f"SIM-{seed}-{shop_number}-{machine_number}"
    shops = {shop.name: shop for shop in fleet.list_shops(session, OPERATOR)}
    shop = shops.get(shop_name) or administration.create_shop(
        session, OPERATOR, name=shop_name, status="active"
    )
    device = fleet.see_device(session, device_id, address=None, now=utc_now())
    machine = fleet.get_machine(session, OPERATOR, device.machine_id)
    if device.claimed_at is None:
        name = f"모의 냉동기 {machine_number} · Simulated compressor {machine_number}"
        fleet.give_to_shop(session, device, machine, shop.id, name, user_id=None)
        machine.synthetic = True
    if not machine.synthetic:
        raise ConflictError(f"{device_id} belongs to a real machine; choose another --seed.")
    _, key = make_key(session, device, user_id=None, shop_id=shop.id)
    return device_id, key, machine


def step(
    nodes: list[VirtualNode], moment: datetime, schedule: Schedule, client: NodeClient, threads: Executor
) -> None:
    """Let every node send what is due at this moment; returns when all of it is answered."""
    list(threads.map(lambda node: _send_due(node, moment, schedule, client), nodes))


def _send_due(node: VirtualNode, moment: datetime, schedule: Schedule, client: NodeClient) -> None:
    at = machine_time(moment)
    node.readings += _accepted(node, lambda: client.send_reading(_measurement(node, moment)))
    if moment < node.next_clip_at:
        return
    node.next_clip_at += schedule.clip_interval
    if not schedule.running_only or runs_while_recording(node.compressor, at):
        node.clips += _accepted(
            node,
            lambda: client.send_clip(
                node.device_id,
                node.compressor.clip(at, CLIP_SECONDS).astype("<i2").tobytes(),
                sample_rate_hz=SAMPLE_RATE_HZ,
                measured_at=moment,
                synthetic=True,
            ),
        )


def _measurement(node: VirtualNode, moment: datetime) -> Measurement:
    measured = node.compressor.reading(machine_time(moment))
    axes = measured["vibration"]
    return Measurement(
        node.device_id,
        moment,
        temperature_c=measured["temperature_c"],
        vibration=(axes["x"], axes["y"], axes["z"]),
        power_percent=measured["power_percent"],
        audio_level=measured["audio_level"],
    )


def runs_while_recording(compressor: VirtualMachine, at: float) -> bool:
    """Whether a node that hears its compressor start and stop would send this clip."""
    return compressor.is_running(at) and compressor.is_running(at + CLIP_SECONDS)


def _accepted(node: VirtualNode, send: Callable[[], object]) -> int:
    """1 if the server took it, else 0; why not is noted."""
    try:
        send()
    except ClientError as error:
        node.refused.append(str(error))
        return 0
    return 1
