"""The one table of who may do what in a shop."""

from collections.abc import Mapping
from typing import Literal

Permission = Literal[
    "fleet.read",
    "fleet.manage",
    "device.claim",
    "device.manage",
    "firmware.manage",
    "threshold.manage",
    "export.read",
    "alarm.acknowledge",
    "analysis.run",
    "label.write",
    "model.decide",
    "notification.read",
]

_READ: frozenset[Permission] = frozenset({"fleet.read", "notification.read"})
_WORK: frozenset[Permission] = _READ | {"alarm.acknowledge", "analysis.run", "label.write"}

SHOP_ROLES: Mapping[str, frozenset[Permission]] = {
    "store_owner": _WORK | {"fleet.manage", "device.manage", "threshold.manage", "export.read"},
    "store_manager": _WORK | {"device.manage", "export.read"},
    "technician": _WORK | {"model.decide", "device.manage", "threshold.manage", "export.read"},
    "viewer": _READ,
}
"""Rights of each shop role. An administrator has every right everywhere; `device.claim` and `firmware.manage`
are theirs alone, and so is deciding about what judges all shops' machines."""
