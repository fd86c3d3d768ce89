"""Error reporting: off until a DSN is set; no bodies, no personal data, no secrets."""

import sentry_sdk
from sentry_sdk.types import Event, Hint

from signalcraft.errors import SignalCraftError
from signalcraft.logging import request_id
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
        # What happened before stands in our own log under the same request id; Redis keys hold addresses.
        max_breadcrumbs=0,
        before_send=_without_what_was_sent,
        ignore_errors=[SignalCraftError],
    )
    sentry_sdk.set_tag("process", process)


def _without_what_was_sent(event: Event, _: Hint) -> Event:
    """Leave of the request its method and path: headers hold keys of nodes, queries codes of a sign-in."""
    request = event.pop("request", None)
    if request is not None:
        event["request"] = {
            "method": request.get("method"),
            "url": str(request.get("url", "")).partition("?")[0],
        }
        event.setdefault("tags", {})["request_id"] = request_id() or ""
    return event
