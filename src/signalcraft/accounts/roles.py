"""The one table of who may do what.

A person has one role in the whole system and one in each shop that they belong to. `docs/administration.md`
shows this table (a test compares them) and says where it differs from the old server's, and why.
"""

from collections.abc import Mapping
from typing import Literal, get_args

Permission = Literal[
    "fleet.read",
    "fleet.manage",
    "device.claim",
    "device.manage",
    "device.admit",
    "alarm.acknowledge",
    "analysis.run",
    "label.write",
    "model.decide",
    "notification.read",
    "threshold.manage",
    "firmware.manage",
    "export.read",
    "member.read",
    "member.manage",
    "shop.manage",
    "user.read",
    "user.manage",
    "user.delete",
    "session.manage",
    "token.manage",
    "audit.read",
    "monitoring.read",
    "settings.manage",
]
PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))

_READ: frozenset[Permission] = frozenset({"fleet.read", "notification.read"})
_WORK: frozenset[Permission] = _READ | {
    "alarm.acknowledge",
    "analysis.run",
    "label.write",
    "device.manage",
    "export.read",
}

SHOP_ROLES: Mapping[str, frozenset[Permission]] = {
    "store_owner": _WORK
    | {"fleet.manage", "device.admit", "threshold.manage", "member.read", "member.manage", "audit.read"},
    "store_manager": _WORK | {"member.read"},
    "technician": _WORK | {"model.decide", "threshold.manage"},
    "viewer": _READ,
}
"""Rights in one shop."""

GLOBAL_ROLES: Mapping[str, frozenset[Permission]] = {
    "super_admin": PERMISSIONS,
    "admin": PERMISSIONS - {"user.delete", "settings.manage"},
    "user": _READ,
}
"""Rights everywhere. Of `super_admin` and `admin` they hold in every shop and for what no shop has claimed; a
`user` may ask for lists, and finds there what their shops grant."""

ADMINISTRATORS = frozenset({"super_admin", "admin"})


def may_administer(role: str, other: str) -> bool:
    """Whether somebody of a global role may change, suspend or erase an account of another.

    Administrators answer for people; only super administrators answer for administrators.
    """
    return role == "super_admin" or (role == "admin" and other == "user")
