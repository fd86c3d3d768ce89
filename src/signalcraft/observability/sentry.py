"""Error reporting: off until a DSN is set; no bodies, no personal data, no secrets.

Reports leave by a thread of their own with a short queue. While the tracker is slow or gone, they are dropped
and nobody waits.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import redis
import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.argv import ArgvIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.stdlib import StdlibIntegration
from sentry_sdk.tracing import Transaction
from sentry_sdk.types import Event, Hint

from signalcraft import logging
from signalcraft.errors import SignalCraftError
from signalcraft.logging import request_id
from signalcraft.masking import REMOVED, masked
from signalcraft.settings import Settings

QUEUE_SIZE = 100
"""Reports that wait for the tracker at most; further ones are dropped."""
SHUTDOWN_SECONDS = 2
"""How long a process that ends waits for its last reports."""

_REPORTED = "_is_reported"
"""Marks an exception that was reported. It comes here twice where it is logged and then leaves the
application, and the SDK's own memory of the last one is of one context: a handler in a thread has another."""

REQUEST = "http.server"
"""What Sentry calls a traced request."""


@dataclass
class Work:
    """The request or task at hand. It is one object, changed in place, so that a thread that works for the
    request and the task that waits for it speak of the same.

    A scope of the SDK's own for each request would cost more than all that is counted and logged of it.
    """

    trace: str | None = None
    """The header by which the proxy began its trace."""
    transaction: Transaction | None = None
    """Of a request that is traced."""
    user_id: int | None = None
    shop_id: int | None = None


_work: ContextVar[Work | None] = ContextVar("sentry_work", default=None)


def begin(trace: str | None = None) -> Work:
    """A request or task begins; what was said of the one before it is forgotten."""
    work = Work(trace)
    _work.set(work)
    return work


def at_hand() -> Work:
    """The request or task at hand."""
    return _work.get() or begin()


def identify(*, user_id: int | None = None, shop_id: int | None = None) -> None:
    """Say whose request this is: reports of it carry the ids, and nothing else about the person."""
    work = at_hand()
    work.user_id = work.user_id if user_id is None else user_id
    work.shop_id = work.shop_id if shop_id is None else shop_id


def start_sentry(settings: Settings, process: str, *frameworks: Integration) -> None:
    """Report unexpected errors of this process, and a sample of traces.

    frameworks : integrations of what the process is made with; none is looked for, because the ones for HTTP
        and Redis clients would report addresses and keys, and those of the web frameworks cost each request
        a sixth of a millisecond. `requests.py` does what is needed of them.
    """
    if settings.sentry_dsn is None:
        return
    scrub = _Scrubber(settings)
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        release=settings.release,
        environment=settings.environment,
        auto_enabling_integrations=False,
        integrations=[*frameworks],
        # Our log's pipeline reports what is logged. Command lines may hold secrets.
        disabled_integrations=[LoggingIntegration(), ArgvIntegration(), StdlibIntegration()],
        trace_propagation_targets=[],
        traces_sampler=_sampler(settings.traces_sample_rate),
        include_local_variables=False,
        max_request_body_size="never",
        # What happened before stands in our own log under the same request id; Redis keys hold addresses.
        max_breadcrumbs=0,
        before_send=scrub.error,
        before_send_transaction=scrub.trace,
        ignore_errors=[SignalCraftError, ConnectionError, redis.ConnectionError, redis.TimeoutError],
        transport_queue_size=QUEUE_SIZE,
        shutdown_timeout=SHUTDOWN_SECONDS,
        server_name=process,
    )
    sentry_sdk.get_global_scope().set_tags({"process": process, "colour": settings.colour})
    logging.on_exception(sentry_sdk.capture_exception)


def _sampler(rate: float) -> Any:
    """Tasks follow the request that caused them; of the others a share is traced. A request that comes here
    has been chosen already (`requests.py`)."""

    def sample(context: Mapping[str, Any]) -> float:
        parent = context.get("parent_sampled")
        if parent is not None:
            return float(parent)
        return 1.0 if context["transaction_context"]["op"] == REQUEST else rate

    return sample


def _is_database_away(error: BaseException | None) -> bool:
    # SQLAlchemy's, by name: the scheduler has it not loaded, and it takes ten megabytes.
    orig = getattr(error, "orig", None)
    return type(error).__name__ == "OperationalError" and getattr(orig, "sqlstate", None) is None


class _Scrubber:
    """Takes out of reports what must not leave, and drops those of what the monitor tells better."""

    def __init__(self, settings: Settings) -> None:
        values = [getattr(settings, name) for name in type(settings).model_fields]
        secrets = [value.get_secret_value() for value in values if hasattr(value, "get_secret_value")]
        # The tracker's own address is in no report; short values would strike out innocent text.
        self._secrets = sorted((s for s in secrets if len(s) >= 8), key=len, reverse=True)

    def error(self, event: Event, hint: Hint) -> Event | None:
        error = (hint.get("exc_info") or (None, None, None))[1]
        if error is not None:
            if hasattr(error, _REPORTED):
                return None
            setattr(error, _REPORTED, True)
        if _is_database_away(error):
            return None  # availability and doctor say so, once
        return self._scrubbed(event)

    def trace(self, event: Event, _: Hint) -> Event:
        return self._scrubbed(event)

    def _scrubbed(self, event: Event) -> Event:
        request = event.pop("request", None)
        if request is not None:
            url = str(request.get("url", "")).partition("?")[0]
            event["request"] = {"method": request.get("method"), "url": url}
        # A page that tells of an error says these of itself.
        tags = event.setdefault("tags", {})
        tags.setdefault("request_id", request_id() or "")
        if (work := _work.get()) is not None and work.shop_id is not None:
            tags.setdefault("shop", str(work.shop_id))
        if work is not None and work.user_id is not None:
            event.setdefault("user", {"id": str(work.user_id)})
        event.pop("extra", None)
        # Arguments of tasks, headers of messages.
        contexts = event.get("contexts", {})
        event["contexts"] = {name: contexts[name] for name in ("trace", "runtime") if name in contexts}
        cleaned: Event = self._clean(event)
        return cleaned

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, REMOVED)
            return masked(value)
        if isinstance(value, Mapping):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self._clean(inner) for inner in value]
        return value
