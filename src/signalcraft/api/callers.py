"""Which node a request says it is from."""

from flask import request

from signalcraft.fleet.admission import Caller
from signalcraft.fleet.keys import PREFIX

KEY_HEADER = "X-Device-Key"


def caller(device_id: str) -> Caller:
    """The caller of that name, with this request's key: `X-Device-Key`, or a Bearer token that is one."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.strip().startswith(PREFIX):
            key = bearer.strip()
    return Caller(device_id, key, request.remote_addr)
