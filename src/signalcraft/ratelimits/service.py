"""Count a request against its caller's quota, and say in the answer's headers how the caller stands.

Windows are of fixed length and begin at multiples of it since 1970, so that one addition in Redis gives
everything: what is left, and when it is whole again. A caller may spend two windows' worth around a boundary;
the amounts are chosen with that in mind.
"""

import hashlib
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from signalcraft.clock import utc_now
from signalcraft.errors import TooManyRequestsError
from signalcraft.ratelimits.counters import get_counters
from signalcraft.ratelimits.policy import COUNTED_IN_STEPS, KINDS, STEP_SHARE, limits_in_force

_IPV6_NETWORK_BITS = 64
"""What one household gets: who has one address of it has 2^64."""


@dataclass(frozen=True)
class Standing:
    """How a caller stands with a quota after this request.

    Attributes
    ----------
    amount, window_seconds : the quota's limit.
    remaining : units left in this window; negative where there was too little.
    reset_seconds : until the quota is whole again.
    """

    quota: str
    amount: int
    window_seconds: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Policy": f'"{self.quota}";q={self.amount};w={self.window_seconds}',
            "RateLimit": f'"{self.quota}";r={max(0, self.remaining)};t={self.reset_seconds}',
        }


def spend(quota: str, subject: str, cost: int = 1) -> Standing:
    """Take `cost` units from the subject's quota, also where there are too few left.

    Parameters
    ----------
    subject : who pays: `account:7`, `token:3`, `device:FREEZER_7`, or an address of `address_subject`.
    """
    limit = limits_in_force()[quota]
    seconds = limit.get_expiry()
    now = utc_now().timestamp()
    window = int(now // seconds)
    key, step = f"{quota}/{subject}/{window}", int(limit.amount * STEP_SHARE)
    if quota in COUNTED_IN_STEPS and step > 1:
        spent = get_counters().add_in_steps(key, seconds=seconds, amount=cost, step=step)
    else:
        spent = get_counters().add(key, seconds=seconds, amount=cost)
    return Standing(
        quota, limit.amount, seconds, limit.amount - spent, max(1, math.ceil((window + 1) * seconds - now))
    )


def require(quota: str, subject: str, cost: int = 1) -> Standing:
    """`spend`, refused where there was too little left.

    Raises
    ------
    TooManyRequestsError
        With `Retry-After` and the headers of the standing.
    """
    standing = spend(quota, subject, cost)
    if standing.remaining < 0:
        raise TooManyRequestsError(retry_after_seconds=standing.reset_seconds, headers=standing.headers)
    return standing


def require_kind(kind: str, subject: str) -> Mapping[str, str]:
    """Count a request of that kind; the headers that tell the caller how it stands.

    Raises
    ------
    TooManyRequestsError
        The caller's quota is spent.
    """
    quota, cost = KINDS[kind].quota, KINDS[kind].cost
    return require(quota, subject, cost).headers if quota else {}


def require_message(device_id: str, key: str | None, address: str | None) -> None:
    """Count a node's message against the quota of the key that it shows.

    Without a key, against that of the name together with the address: a stranger who uses a node's name
    spends one of their own.

    Raises
    ------
    TooManyRequestsError
        The quota is spent.
    """
    if key is None:
        require("open_device", f"device:{device_id}/{address_subject(address)}")
    else:
        require("device", f"key:{hashlib.sha256(key.encode()).hexdigest()[:32]}")


@lru_cache(maxsize=4096)
def address_subject(address: str | None) -> str:
    """Who an address stands for: itself, of IPv6 the network that one customer gets."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "address:unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return f"address:{ipaddress.ip_network((int(ip), _IPV6_NETWORK_BITS), strict=False)}"
        ip = ip.ipv4_mapped
    return f"address:{ip}"
