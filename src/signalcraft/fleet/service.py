"""Which devices, machines and shops there are, and whose they are."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from signalcraft.fleet import keys, queries
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.realtime.publish import emit
from signalcraft.runtime_settings import service as runtime_settings
from signalcraft.settings import get_settings

SEEN_INTERVAL = timedelta(seconds=5)
"""A device that sends each second need not have its row written each second."""


def see_device(session: Session, device_id: str, *, address: str | None, now: datetime) -> Device:
    """The device that has just made itself heard; one that is new gets a machine of its own, without a shop.

    Raises
    ------
    ForbiddenError
        It is new, and there are too many already that nobody has claimed.
    """
    device = queries.device_named(session, device_id)
    if device is None:
        _require_room(session)
        device = add_device(session, device_id, address, now)
    if now - device.last_seen_at >= SEEN_INTERVAL:
        device.last_seen_at = now
        device.address = keys.valid_address(address)
    return device


def mark_synthetic(session: Session, device: Device) -> None:
    """Label an unclaimed device's machine as simulated; nobody unknown may label a shop's machine so."""
    machine = session.get_one(Machine, device.machine_id)
    if machine.shop_id is None:
        machine.synthetic = True


def get_device(session: Session, device_id: str) -> Device:
    """A known device.

    Raises
    ------
    NotFoundError
        No node of this name was ever heard.
    """
    device = queries.device_named(session, device_id)
    if device is None:
        raise NotFoundError(f"No device {device_id} is known here.", field="device_id")
    return device


def get_visible_device(session: Session, principal: Principal, device_id: str) -> Device:
    """A device whose machine this person may see.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    device = get_device(session, device_id)
    if not principal.may_see(session.get_one(Machine, device.machine_id).shop_id):
        raise NotFoundError(f"No device {device_id} is known here.", field="device_id")
    return device


def get_machine(session: Session, principal: Principal, machine_id: int) -> Machine:
    """A machine that this person may see.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    machine = session.get(Machine, machine_id)
    if machine is None or not principal.may_see(machine.shop_id):
        raise NotFoundError("There is no such machine.", field="machine_id")
    return machine


def list_devices(session: Session, principal: Principal) -> list[tuple[Device, Machine]]:
    """The devices this person may see, by name, each with its machine."""
    rows = queries.devices_with_machines(session, principal.shop_ids)
    return [(device, machine) for device, machine in rows]


def list_machine_devices(session: Session, machine_id: int) -> Sequence[Device]:
    """A machine's devices. The caller has checked who asks."""
    return queries.machine_devices(session, machine_id)


def list_shops(session: Session, principal: Principal) -> Sequence[Shop]:
    """The shops this person may see, by name."""
    return queries.shops(session, principal.shop_ids)


def claim_device(
    session: Session,
    principal: Principal,
    device_id: str,
    *,
    shop_id: int,
    machine_name: str,
    admission: keys.Admission = "key",
    networks: Sequence[str] | None = None,
) -> Machine:
    """Give an unclaimed device's machine to a shop, with everything it has learned so far.

    Parameters
    ----------
    admission, networks : how the node is let in from now on: see `keys.set_admission`.

    Raises
    ------
    NotFoundError
        No such device was heard, or it is not theirs to see.
    InvalidInputError
        There is no such shop.
    ConflictError
        The device is claimed already.
    """
    device = queries.lock_device(session, device_id)
    if device is None:
        raise NotFoundError(f"No device {device_id} is known here.", field="device_id")
    machine = session.get_one(Machine, device.machine_id)
    principal.require("device.claim", machine.shop_id)
    if machine.shop_id is not None:
        raise ConflictError("The device is claimed already.", field="device_id")
    if session.get(Shop, shop_id) is None:
        raise InvalidInputError("There is no such shop.", field="shop_id")
    give_to_shop(session, device, machine, shop_id, machine_name, user_id=principal.user_id)
    keys.decide(session, device, machine, admission, networks, user_id=principal.user_id)
    return machine


def give_to_shop(
    session: Session,
    device: Device,
    machine: Machine,
    shop_id: int,
    machine_name: str,
    *,
    user_id: int | None,
) -> None:
    """Make an unclaimed device's machine one of a shop; the caller holds it and has checked the right."""
    device.claimed_at = utc_now()
    machine.shop_id = shop_id
    machine.name = machine_name
    audit.record(
        session,
        "device.claimed",
        user_id=user_id,
        subject=f"device:{device.device_id}",
        shop_id=shop_id,
        detail={"machine": machine.id},
    )
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=shop_id)


def change_machine(
    session: Session, principal: Principal, machine_id: int, *, name: str | None, model: str | None
) -> Machine:
    """Give a machine another name, or say which model it is; None leaves as it is. Owners, administrators."""
    machine = get_machine(session, principal, machine_id)
    principal.require("fleet.manage", machine.shop_id)
    if name is not None:
        machine.name = name
    if model is not None:
        machine.model = model
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)
    return machine


def _require_room(session: Session) -> None:
    """Refuse one unclaimed device too many, and any where an administrator has said so.

    New devices of different names do not wait for each other, so the limit may be passed by as many as
    arrive in the same instant.
    """
    if not runtime_settings.load(session).new_devices_admitted:
        raise ForbiddenError("New devices are not taken in here without a claim code.", field="device_id")
    limit = get_settings().unclaimed_devices_limit
    if queries.count_unclaimed(session) >= limit:
        raise ForbiddenError(
            f"{limit} devices wait to be claimed already; no further one is taken until then.",
            field="device_id",
        )


def add_device(session: Session, device_id: str, address: str | None, now: datetime) -> Device:
    """A device with a machine of its own, or the one that another request has just made."""
    try:
        with session.begin_nested():
            machine = Machine(name=device_id, synthetic=False)
            session.add(machine)
            session.flush()
            device = Device(
                device_id=device_id,
                machine_id=machine.id,
                sample_rate_hz=16_000,
                vibration_unit="g",
                address=keys.valid_address(address),
                first_seen_at=now,
                last_seen_at=now,
            )
            session.add(device)
            session.flush()
    except IntegrityError:
        return get_device(session, device_id)
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=None)
    return device
