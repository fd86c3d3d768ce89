"""Which node a request says it is from."""

import hashlib

from flask import request

from signalcraft.fleet.admission import Caller
from signalcraft.fleet.keys import PREFIX
from signalcraft.ratelimits.service import address_subject, require

KEY_HEADER = "X-Device-Key"


def caller(device_id: str) -> Caller:
    """The caller of that name, with this request's key: `X-Device-Key`, or a Bearer token that is one."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.strip().startswith(PREFIX):
            key = bearer.strip()
    _count(device_id, key)
    return Caller(device_id, key, request.remote_addr)


def _count(device_id: str, key: str | None) -> None:
    """Count the message against the node's quota; a stranger who uses its name spends one of their own."""
    if key is None:
        require("open_device", f"device:{device_id}/{address_subject(request.remote_addr)}")
    else:
        require("device", f"key:{hashlib.sha256(key.encode()).hexdigest()[:32]}")
