"""The dead man's switch: a sign of life to somebody elsewhere, who notices when none comes."""

import httpx

from signalcraft.logging import get_logger
from signalcraft.monitor.alerts import Alerts

log = get_logger(__name__)

INTERVAL_S = 60.0
_TIMEOUT_S = 10.0


class Heartbeat:
    """Asks for an address of the operator's while nothing critical lasts."""

    def __init__(self, url: str, alerts: Alerts) -> None:
        self._url, self._alerts = url, alerts

    def beat(self) -> None:
        """Once, if all is well enough. That nobody answers is only logged: there the silence is noticed."""
        if not self._alerts.is_well:
            return
        try:
            answer = httpx.get(self._url, timeout=_TIMEOUT_S, trust_env=False)
        except httpx.HTTPError as error:
            log.warning("heartbeat_not_heard", reason=type(error).__name__)
            return
        if not answer.is_success:
            log.warning("heartbeat_not_heard", reason=answer.status_code)
