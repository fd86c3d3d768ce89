"""Error reporting: off until a DSN is set; no bodies, no personal data."""

import sentry_sdk

from signalcraft.errors import SignalCraftError
from signalcraft.settings import Settings


def start_sentry(settings: Settings, process: str) -> None:
    """Report unexpected errors of this process; expected ones (4xx) are not errors."""
    if settings.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        release=settings.release,
        environment=settings.colour,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        ignore_errors=[SignalCraftError],
    )
    sentry_sdk.set_tag("process", process)
