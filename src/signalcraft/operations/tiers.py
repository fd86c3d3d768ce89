"""What the Gunicorn settings of a tier and the process manager must agree on."""

from signalcraft.operations.ports import LOOPBACK, Tier, tier_port
from signalcraft.settings import Settings

GRACE_SECONDS = 20
"""How long a stopping tier may finish what it is doing: a slow upload, an analysis that is waited for.

PM2 waits longer than this before it kills.
"""


def bind_address(settings: Settings, tier: Tier) -> str:
    """`host:port` that this process's colour of the tier listens on."""
    return f"{LOOPBACK}:{tier_port(settings.internal_port_base, tier, settings.colour)}"
