"""What the monitor does, and how often."""

from typing import get_args

from signalcraft.monitor import probes, queue, thinning
from signalcraft.monitor.ages import Ages
from signalcraft.monitor.database import Database
from signalcraft.monitor.host import Host
from signalcraft.monitor.loop import Job
from signalcraft.monitor.processes import Processes
from signalcraft.monitor.releases import Releases
from signalcraft.monitor.sampling import keeping
from signalcraft.monitor.tiers import Tiers
from signalcraft.operations import log_rotation
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import Colour

_LIVE_S = 10.0
"""What the page shows live: cheap looks."""
_DEAR_S = 30.0
"""PM2 answers through a Node process of its own; sizes and statements do not change in seconds."""


def jobs(here: Instance) -> list[Job]:
    """Every job of this installation."""
    settings = here.settings
    tiers = Tiers(settings.internal_port_base, get_args(Colour))
    return [
        Job("host", _LIVE_S, keeping("host", Host(settings.data_dir).look)),
        Job("tiers", _LIVE_S, keeping("tiers", tiers.look)),
        Job("queue", _LIVE_S, keeping("queue", queue.waiting)),
        Job("redis", _LIVE_S, keeping("redis", queue.Redis().look)),
        Job("database", _DEAR_S, keeping("database", Database().look)),
        Job("processes", _DEAR_S, keeping("processes", Processes(here).look)),
        Job("ages", 300.0, keeping("ages", Ages(settings.public_origin).look)),
        Job("releases", _LIVE_S, Releases(tiers).note),
        Job("probes", probes.INTERVAL_S, probes.from_outside(settings).run),
        Job("thinning", 60.0, thinning.thin),
        Job("logs", 60.0, lambda: log_rotation.rotate(here.logs_dir)),
    ]
