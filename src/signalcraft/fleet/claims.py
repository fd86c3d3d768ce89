"""Claim codes: how a node gets its key and its shop without anybody typing a secret into it.

A shop's people make a short code and give it to the node, on its set-up page or by telephone to who installs
it; the node shows it once and is told its key. A code is good for an hour.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, InvalidInputError, NotFoundError
from signalcraft.fleet import keys, queries
from signalcraft.fleet.admission import Caller
from signalcraft.fleet.models import ClaimCode, Device, DeviceKey, Machine, Shop
from signalcraft.fleet.service import add_device, give_to_shop

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, 1, I, L, O: a code is read aloud."""
CODE_LENGTH = 8
"""40 bits: with the rate limit on claiming, beyond guessing within an hour."""
CODE_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True)
class Claimed:
    """What a node gets for its code."""

    device: Device
    machine: Machine
    key: DeviceKey
    secret: str


def make_code(
    session: Session, principal: Principal, *, shop_id: int, machine_name: str
) -> tuple[ClaimCode, str]:
    """A code for one node of a shop, and its text, which is nowhere else.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is no such shop to this person, or they may not manage its devices.
    """
    _require_shop(session, principal, shop_id)
    now = utc_now()
    text = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    code = ClaimCode(
        code_hash=_code_hash(text),
        shop_id=shop_id,
        machine_name=machine_name,
        created_by=principal.user_id,
        created_at=now,
        expires_at=now + CODE_LIFETIME,
    )
    session.add(code)
    session.flush()
    _record(session, "claim_code.made", code, principal.user_id)
    return code, f"{text[:4]}-{text[4:]}"


def list_codes(
    session: Session, principal: Principal, shop_id: int
) -> Sequence[tuple[ClaimCode, str | None]]:
    """The newest hundred codes of a shop, each with the name of the device that used it."""
    _require_shop(session, principal, shop_id)
    return queries.claim_codes(session, shop_id)


def withdraw_code(session: Session, principal: Principal, code_id: int) -> None:
    """Make a code useless; one that is used or over stays as it is.

    Raises
    ------
    NotFoundError
        There is no such code to this person.
    """
    code = session.get(ClaimCode, code_id, with_for_update=True)
    if code is None or not principal.may_see(code.shop_id):
        raise NotFoundError("There is no such code.", field="code_id")
    principal.require("device.admit", code.shop_id)
    now = utc_now()
    if code.used_at is None and code.expires_at > now:
        code.expires_at = now
        _record(session, "claim_code.withdrawn", code, principal.user_id)


def claim(session: Session, caller: Caller, text: str) -> Claimed:
    """Make the node a machine of the code's shop and give it a key; the code is used up.

    A node of the same shop that has lost its key gets another one; its machine stays what it is.

    Raises
    ------
    InvalidInputError
        The code never was, was used, or is over: not told apart.
    ConflictError
        The node is another shop's, or nobody's and last heard from another address: only an administrator
        can know whose it is.
    """
    now = utc_now()
    code = queries.lock_claim_code(session, _code_hash(text))
    if code is None or code.used_at is not None or code.expires_at <= now:
        raise InvalidInputError(
            "The code is wrong, used or over an hour old. 코드가 틀렸거나 이미 사용되었거나 만료되었습니다.",
            field="claim_code",
        )
    device = queries.lock_device(session, caller.device_id)
    if device is None:
        add_device(session, caller.device_id, caller.address, now)
        device = queries.lock_device(session, caller.device_id)
        assert device is not None  # noqa: S101  # nothing deletes a device
    if device.claimed_at is None and str(device.address) != keys.valid_address(caller.address):
        raise ConflictError("This device was heard from another address before.", field="device_id")
    machine = session.get_one(Machine, device.machine_id)
    if machine.shop_id is None:
        give_to_shop(session, device, machine, code.shop_id, code.machine_name, user_id=code.created_by)
    elif machine.shop_id != code.shop_id:
        raise ConflictError("The device is claimed already.", field="device_id")
    code.used_at = now
    code.device_id = device.id
    keys.decide(session, device, machine, "key", None, user_id=code.created_by)
    key, secret = keys.make_key(session, device, user_id=code.created_by, shop_id=code.shop_id)
    return Claimed(device, machine, key, secret)


def _code_hash(text: str) -> bytes:
    """Of a code however it was typed: small letters, with blanks or a dash."""
    return hashlib.sha256(re.sub(r"[\s-]", "", text).upper().encode()).digest()


def _require_shop(session: Session, principal: Principal, shop_id: int) -> None:
    principal.require("device.admit", shop_id)
    if session.get(Shop, shop_id) is None:
        raise NotFoundError("There is no such thing here, or it is not yours to see.")


def _record(session: Session, action: str, code: ClaimCode, user_id: int) -> None:
    audit.record(
        session,
        action,
        user_id=user_id,
        subject=f"claim_code:{code.id}",
        shop_id=code.shop_id,
        detail={"machine_name": code.machine_name},
    )
