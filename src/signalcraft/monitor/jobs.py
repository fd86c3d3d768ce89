"""What the monitor does, and how often."""

from collections.abc import Callable
from datetime import timedelta
from typing import get_args

from signalcraft.monitor import alerts as alerting
from signalcraft.monitor import heartbeat, queue, thinning
from signalcraft.monitor.ages import Ages
from signalcraft.monitor.alerts import Alerts
from signalcraft.monitor.database import Database
from signalcraft.monitor.facts import Facts
from signalcraft.monitor.heartbeat import Heartbeat
from signalcraft.monitor.host import Host
from signalcraft.monitor.looks import Looks
from signalcraft.monitor.loop import Job
from signalcraft.monitor.probes import COSTLY_INTERVAL_S, INTERVAL_S, Probes, public_url
from signalcraft.monitor.processes import Processes
from signalcraft.monitor.releases import Releases
from signalcraft.monitor.sampling import Look, keeping
from signalcraft.monitor.telling import Teller
from signalcraft.monitor.tiers import Tiers
from signalcraft.operations import log_rotation
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import Colour
from signalcraft.settings import Settings

_LIVE_S = 10.0
"""What the page shows live: cheap looks."""
_DEAR_S = 30.0
"""PM2 answers through a Node process of its own; sizes and statements do not change in seconds."""


def jobs(here: Instance) -> list[Job]:
    """Every job of this installation."""
    settings, looks = here.settings, Looks()
    tiers = Tiers(settings.internal_port_base, get_args(Colour))
    sampled: list[tuple[str, float, Callable[[], Look]]] = [
        ("host", _LIVE_S, Host(settings.data_dir).look),
        ("tiers", _LIVE_S, tiers.look),
        ("queue", _LIVE_S, queue.waiting),
        ("redis", _LIVE_S, queue.Redis().look),
        ("database", _DEAR_S, Database().look),
        ("processes", _DEAR_S, Processes(here).look),
        ("ages", 300.0, Ages(settings.public_origin).look),
    ]
    return [
        *(
            Job(section, interval_s, keeping(section, looks.remembering(section, look)))
            for section, interval_s, look in sampled
        ),
        Job("releases", _LIVE_S, Releases(tiers).note),
        *_telling_jobs(settings, looks),
        Job("thinning", 60.0, thinning.thin),
        Job("logs", 60.0, lambda: log_rotation.rotate(here.logs_dir)),
    ]


def _telling_jobs(settings: Settings, looks: Looks) -> list[Job]:
    """Probes, what the operator is told, and the sign of life."""
    probes = Probes(settings, public_url(settings))
    reminder = timedelta(hours=settings.operator_reminder_hours)
    alerts = Alerts(Facts(looks, probes), Teller(settings), reminder=reminder)
    found = [
        Job("probes", INTERVAL_S, probes.make_round),
        Job("costly_probes", COSTLY_INTERVAL_S, probes.make_costly),
        Job("journeys", INTERVAL_S, keeping("journeys", probes.look)),
        Job("alerts", alerting.INTERVAL_S, alerts.judge),
    ]
    if settings.heartbeat_url is not None:
        url = settings.heartbeat_url.get_secret_value()
        found.append(Job("heartbeat", heartbeat.INTERVAL_S, Heartbeat(url, alerts).beat))
    return found
