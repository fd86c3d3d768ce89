"""Which node a request says it is from, and whether it is let in."""

from collections.abc import Sequence

from flask import request
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet.admission import Caller, admit_one
from signalcraft.fleet.keys import KEY_HEADER, shown_key
from signalcraft.fleet.models import Device
from signalcraft.ratelimits.service import require_message


def caller(device_id: str) -> Caller:
    """The caller of that name, with this request's key; the message is counted against the node's quota."""
    [only] = callers([device_id])
    return only


def callers(device_ids: Sequence[str]) -> list[Caller]:
    """The callers of these names (at least one), all with this request's key: one message of one sender.

    Counted once (`ratelimits.service.require_message`), without a key under the first name.
    """
    key = shown_key(request.headers.get(KEY_HEADER), request.headers.get("Authorization"))
    address = request.remote_addr
    require_message(device_ids[0], key, address)
    return [Caller(device_id, key, address) for device_id in device_ids]


def admitted(session: Session, device_id: str) -> Device:
    """The device that this request is from.

    Raises
    ------
    SignalCraftError
        It is not let in.
    """
    return admit_one(session, caller(device_id), now=utc_now())
