"""The one table of who may do what in a shop."""

from collections.abc import Mapping
from typing import Literal

Permission = Literal[
    "fleet.read",
    "fleet.manage",
    "device.claim",
    "alarm.acknowledge",
    "analysis.run",
    "label.write",
    "model.decide",
    "notification.read",
]

_READ: frozenset[Permission] = frozenset({"fleet.read", "notification.read"})
_WORK: frozenset[Permission] = _READ | {"alarm.acknowledge", "analysis.run", "label.write"}

SHOP_ROLES: Mapping[str, frozenset[Permission]] = {
    "store_owner": _WORK | {"fleet.manage"},
    "store_manager": _WORK,
    "technician": _WORK | {"model.decide"},
    "viewer": _READ,
}
"""Rights of each shop role. An administrator has every right everywhere; `device.claim` is theirs alone, and
so is deciding about what judges all shops' machines."""
