"""Keys of nodes, and how a node is let in: what a shop's owner decides about them.

A key is 256 random bits behind `scd_`, shown once and kept as its hash. It is replaced without losing a
reading: the next key is made while the present one goes on being accepted, and the first message that shows
the new one gives the old one ten minutes more.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Literal

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.errors import InvalidInputError, NotFoundError
from signalcraft.fleet import queries
from signalcraft.fleet.models import Device, DeviceKey, Machine
from signalcraft.realtime.publish import emit

KEY_HEADER = "X-Device-Key"
PREFIX = "scd_"
SHOWN_CHARACTERS = 8
"""Of the key, `scd_` included, so that people can tell two apart; four of 43 give nothing away."""
OVERLAP = timedelta(minutes=10)
"""What a node had queued under its old key has left by then."""
WIDEST_NETWORK = {4: 8, 6: 32}
"""Shortest prefix of a network that may send without a key: wider would mean "from anywhere"."""
SEEN_NETWORK = {4: 24, 6: 64}
"""Prefix of the network proposed from the address a node was last seen at: its own local one."""

Admission = Literal["keyless", "key", "blocked"]
"""What can be decided about a device: see `Device.admission`."""


def key_hash(secret: str) -> bytes:
    """What is stored of a key; it holds 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def shown_key(key_header: str | None, authorization: str | None) -> str | None:
    """The key that a message shows: in its own header, else as a Bearer token (RFC 6750) that is one."""
    if key_header is not None:
        return key_header
    scheme, _, bearer = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip().startswith(PREFIX):
        return bearer.strip()
    return None


def issue_key(session: Session, principal: Principal, device_id: str) -> tuple[DeviceKey, str]:
    """A new key of a device, and its secret, which is nowhere else.

    A key that was issued before and never used is revoked: nobody has it, or somebody should not.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is no such device to this person, or they may not manage it.
    """
    device, machine = managed_device(session, principal, device_id)
    key, secret = make_key(session, device, user_id=principal.user_id, shop_id=machine.shop_id)
    return key, secret


def make_key(
    session: Session, device: Device, *, user_id: int | None, shop_id: int | None
) -> tuple[DeviceKey, str]:
    """A new key for a device that the caller holds locked and has checked the right to."""
    now = utc_now()
    for unused in queries.unused_keys(session, device.id):
        unused.revoked_at = now
    secret = PREFIX + secrets.token_urlsafe(32)
    key = DeviceKey(
        device_id=device.id,
        key_hash=key_hash(secret),
        beginning=secret[:SHOWN_CHARACTERS],
        created_by=user_id,
        created_at=now,
    )
    session.add(key)
    session.flush()
    _record(session, "device_key.issued", device, user_id, shop_id, {"key": key.id})
    return key, secret


def list_keys(session: Session, principal: Principal, device_id: str) -> tuple[Device, Sequence[DeviceKey]]:
    """A device and its keys, newest first, with those that have ended."""
    device, _ = _managed(session, principal, device_id, queries.device_named(session, device_id))
    return device, queries.device_keys(session, device.id)


def revoke_key(session: Session, principal: Principal, device_id: str, key_id: int) -> DeviceKey:
    """Refuse a key from the next message on; revoking it twice changes nothing.

    Raises
    ------
    NotFoundError
        There is no such device or no such key to this person.
    """
    device, machine = managed_device(session, principal, device_id)
    key = queries.device_key(session, device.id, key_id)
    if key is None:
        raise NotFoundError("There is no such key.", field="key_id")
    if key.revoked_at is None:
        key.revoked_at = utc_now()
        _record(session, "device_key.revoked", device, principal.user_id, machine.shop_id, {"key": key.id})
    return key


def set_admission(
    session: Session,
    principal: Principal,
    device_id: str,
    admission: Admission,
    networks: Sequence[str] | None,
) -> Device:
    """Decide how a device is let in from the next message on.

    Parameters
    ----------
    networks : for `keyless`, where it may send from; None is the network it was last seen in.

    Raises
    ------
    InvalidInputError
        A network is not one, or wider than a network of one's own can be; or none is known.
    """
    device, machine = managed_device(session, principal, device_id)
    principal.require("device.admit", machine.shop_id)
    decide(session, device, machine, admission, networks, user_id=principal.user_id)
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)
    return device


def decide(
    session: Session,
    device: Device,
    machine: Machine,
    admission: Admission | Literal["undecided"],
    networks: Sequence[str] | None,
    *,
    user_id: int | None,
) -> None:
    """Set how a device is let in; the caller has checked the right to."""
    device.admission = admission
    device.networks = _checked_networks(device, networks) if admission == "keyless" else None
    detail = {"admission": admission, "networks": device.networks}
    _record(session, "device.admission_set", device, user_id, machine.shop_id, detail)


def take_into_use(session: Session, key_id: int, now: datetime) -> None:
    """The node has shown this key for the first time: it has it, so it needs no other way in any more."""
    key, device = queries.lock_key(session, key_id)
    if key.first_used_at is not None:  # another message was faster
        return
    machine = session.get_one(Machine, device.machine_id)
    key.first_used_at = key.last_used_at = now
    queries.end_other_keys(session, key, now + OVERLAP)
    device.admission = "key"
    device.networks = None
    _record(session, "device_key.first_used", device, None, machine.shop_id, {"key": key.id})
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)


def managed_device(session: Session, principal: Principal, device_id: str) -> tuple[Device, Machine]:
    """A device whose keys and admission this person may change, locked, with its machine.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is no such device to this person, or they may not manage it.
    """
    return _managed(session, principal, device_id, queries.lock_device(session, device_id))


def _managed(
    session: Session, principal: Principal, device_id: str, device: Device | None
) -> tuple[Device, Machine]:
    machine = session.get_one(Machine, device.machine_id) if device is not None else None
    if device is None or machine is None or not principal.may_see(machine.shop_id):
        raise NotFoundError(f"No device {device_id} is known here.", field="device_id")
    principal.require("device.manage", machine.shop_id)
    return device, machine


@lru_cache(maxsize=4096)
def valid_address(address: str | None) -> str | None:
    """The caller's address in its usual spelling; None where a proxy wrote something else."""
    try:
        return str(ip_address(address)) if address else None
    except ValueError:
        return None


def _checked_networks(device: Device, networks: Sequence[str] | None) -> list[str]:
    if networks is None:
        if device.address is None:
            raise InvalidInputError("Name the networks it sends from: none is known yet.", field="networks")
        address = ip_address(str(device.address))
        return [str(ip_network((address, SEEN_NETWORK[address.version]), strict=False))]
    if not networks:
        raise InvalidInputError("Name at least one network.", field="networks")
    return [_checked_network(network) for network in networks]


def _checked_network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidInputError(
            f"{text} is not a network such as 192.168.0.0/24.", field="networks"
        ) from None
    if network.prefixlen < WIDEST_NETWORK[network.version]:
        widest = WIDEST_NETWORK[network.version]
        raise InvalidInputError(f"{text} is wider than /{widest}.", field="networks")
    return str(network)


def _record(
    session: Session,
    action: str,
    device: Device,
    user_id: int | None,
    shop_id: int | None,
    detail: Mapping[str, object],
) -> None:
    audit.record(
        session,
        action,
        user_id=user_id,
        subject=f"device:{device.device_id}",
        shop_id=shop_id,
        detail=detail,
    )
