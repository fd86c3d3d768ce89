"""The node of this request, as one question: is it let in, and which device is it?"""

from flask import request
from sqlalchemy.orm import Session

from signalcraft.api.readings import KEY_HEADER
from signalcraft.clock import utc_now
from signalcraft.errors import SignalCraftError
from signalcraft.fleet.admission import Caller, admit
from signalcraft.fleet.models import Device


def admitted(session: Session, device_id: str) -> Device:
    """The device that says it is `device_id`.

    Raises
    ------
    SignalCraftError
        It is not let in.
    """
    caller = Caller(device_id, request.headers.get(KEY_HEADER), request.remote_addr)
    [found] = admit(session, [caller], now=utc_now())
    if isinstance(found, SignalCraftError):
        raise found
    return found
