"""Which nodes are let in, and as whom: asked once for all messages that are stored together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sqlalchemy.orm import Session

from signalcraft.errors import SignalCraftError
from signalcraft.fleet import keys, queries
from signalcraft.fleet.errors import DeviceRefusedError, KeyNeededError, KeyRefusedError
from signalcraft.fleet.models import Device
from signalcraft.fleet.queries import KnownDevice
from signalcraft.fleet.service import SEEN_INTERVAL, see_device

KEY_USE_INTERVAL = timedelta(minutes=1)
"""How exactly the last use of a key is known."""


@dataclass(frozen=True)
class Caller:
    """Who a message says it is from: the node's name, the key it showed, the address it came from."""

    device_id: str
    key: str | None
    address: str | None

    @property
    def unauthenticated(self) -> bool:
        """It shows no key: if it is let in at all, then on trust."""
        return self.key is None


def admit_one(session: Session, caller: Caller, *, now: datetime) -> Device:
    """The device of one caller.

    Raises
    ------
    UnauthenticatedError
        The key is missing or not accepted.
    ForbiddenError
        The device is blocked, sends without a key from where it may not, or is one unknown device too many.
    """
    (admitted,) = admit(session, [caller], now=now)
    if isinstance(admitted, SignalCraftError):
        raise admitted
    return session.get_one(Device, admitted.id)


def admit(
    session: Session, callers: Sequence[Caller], *, now: datetime
) -> list[KnownDevice | SignalCraftError]:
    """The device of each caller, or why it is refused; in the order of the callers.

    One statement for any number of callers, and one more for those that have not been seen for some seconds.
    A device that was never heard is made known, as `fleet.service.see_device` does, unless it shows a key.
    """
    asking = dict.fromkeys(callers)
    hashes = {caller.key: keys.key_hash(caller.key) for caller in asking if caller.key is not None}
    known = queries.devices_and_keys(
        session, [caller.device_id for caller in asking], list(hashes.values()), now
    )
    answers: dict[Caller, KnownDevice | SignalCraftError] = {}
    heard: dict[int, str | None] = {}
    used: dict[int, queries.ShownKey] = {}
    for caller in asking:
        try:
            device, its_keys = known.get(caller.device_id, (None, {}))
            key = its_keys.get(hashes[caller.key]) if caller.key is not None else None
            device = _admitted(session, device, key, caller, now)
        except SignalCraftError as error:
            answers[caller] = error
            continue
        answers[caller] = device
        if now - device.last_seen_at >= SEEN_INTERVAL:
            heard[device.id] = keys.valid_address(caller.address)
        if key is not None:
            used[key.id] = key
    if heard:
        queries.note_heard(session, heard, now)
    _note_use(session, used.values(), now)
    return [answers[caller] for caller in callers]


def _admitted(
    session: Session, device: KnownDevice | None, key: queries.ShownKey | None, caller: Caller, now: datetime
) -> KnownDevice:
    if caller.key is not None and (device is None or key is None):
        raise KeyRefusedError
    if device is None:
        seen = see_device(session, caller.device_id, address=caller.address, now=now)
        return KnownDevice(*(getattr(seen, name) for name in KnownDevice._fields))
    if device.admission == "blocked":
        raise DeviceRefusedError("This device is blocked.", field="device_id")
    if key is not None or device.admission == "undecided":
        return device
    if device.admission == "key":
        raise KeyNeededError
    if not is_from(caller.address, tuple(device.networks or ())):
        raise DeviceRefusedError(
            "Without a key this device is not let in from this network.", field="device_id"
        )
    return device


def is_from(address: str | None, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks."""
    if (valid := keys.valid_address(address)) is None:
        return False
    place = ip_address(valid)
    return any(place in _network(network) for network in networks)


@lru_cache(maxsize=4096)
def _network(network: str) -> IPv4Network | IPv6Network:
    return ip_network(network)


def _note_use(session: Session, used: Iterable[queries.ShownKey], now: datetime) -> None:
    """The first use of a key decides; later ones are noted once a minute."""
    stale = []
    for key in used:
        if key.first_used_at is None:
            keys.take_into_use(session, key.id, now)
        elif key.last_used_at is None or now - key.last_used_at >= KEY_USE_INTERVAL:
            stale.append(key.id)
    if stale:
        queries.note_key_use(session, stale, now)
