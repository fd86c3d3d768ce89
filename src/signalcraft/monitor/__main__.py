"""`python -m signalcraft.monitor`: what PM2 keeps running as `monitor`."""

import signal
import threading

from signalcraft import metrics
from signalcraft.dashboards.system_metrics import SystemFacts
from signalcraft.logging import configure, get_logger
from signalcraft.monitor.deployments import Deployments
from signalcraft.monitor.jobs import jobs
from signalcraft.monitor.loop import run_until
from signalcraft.monitor.proxy import Proxy
from signalcraft.observability.sentry import start_sentry
from signalcraft.operations import instance
from signalcraft.operations.ports import metrics_port

log = get_logger(__name__)


def main() -> None:
    here = instance.load()
    configure(here.settings, "monitor")
    start_sentry(here.settings, "monitor")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    settings = here.settings
    port = metrics_port(settings.internal_port_base, "monitor", settings.colour)
    metrics.serve(port, SystemFacts(), Deployments(here), Proxy(here))
    log.info("monitor_started")
    run_until(stopping, jobs(here))
    log.info("monitor_stopped")


if __name__ == "__main__":
    main()
