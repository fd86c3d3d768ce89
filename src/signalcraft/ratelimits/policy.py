"""The one table of limits: kinds of requests, what each costs, and the quotas that pay for them.

A *quota* is an allowance of one caller in a window of time. A *kind* of request says which quota pays, how
much, and how busy a process may be while it still takes such a request (`workload.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeVar

from limits import RateLimitItem, parse

from signalcraft.openapi_errors import Caller
from signalcraft.settings import get_settings

View = TypeVar("View", bound=Callable[..., Any])

By = Literal["account or token", "address", "device", "e-mail address"]


@dataclass(frozen=True)
class Quota:
    """An allowance of one caller: `amount` units in each window of `seconds`."""

    name: str
    by: By
    default: str
    reason: str

    @property
    def item(self) -> RateLimitItem:
        """The default as the library reads it."""
        return parse(self.default)


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes
    ----------
    quota : the name of the quota that pays; None for what is never counted.
    cost : units of it that one request takes.
    share : of a process's handlers that may be at work when a request of this kind begins; 1 is never shed.
    """

    quota: str | None
    cost: int
    share: float


QUOTAS: Mapping[str, Quota] = {
    quota.name: quota
    for quota in (
        Quota("calls", "account or token", "3000/minute", "a dashboard asks some 60 times a minute"),
        Quota("streams", "account or token", "60/minute", "a browser resumes its stream every ten minutes"),
        Quota("page", "address", "1200/minute", "a whole shop sits behind one address"),
        Quota("sign_in", "address", "60/minute", "a shop's people sign in at the same hour"),
        Quota("reset", "address", "30/hour", "nobody forgets a password that often"),
        Quota("registration", "address", "60/hour", "a training course registers in one room"),
        Quota("mail", "e-mail address", "5/hour", "nobody's mailbox is filled by a stranger"),
        Quota("claim", "address", "20/minute", "claim codes cannot be guessed at this pace"),
        Quota("refused", "address", "300/minute", "tokens cannot be guessed; this keeps logs short"),
        Quota("public_analysis", "address", "60/minute", "anybody may call it and it computes"),
        Quota("browser_errors", "address", "60/minute", "one page tells of ten at most"),
        Quota("ingest", "address", "300000/minute", "thousands of nodes behind one address, 5000 a second"),
        Quota("device", "device", "6000/minute", "a reading a second, and all of a day's after an outage"),
        Quota("open_device", "device", "600/minute", "a node without a key cannot prove who it is"),
    )
}

COUNTED_IN_STEPS = frozenset({"ingest", "device", "open_device", "calls", "page"})
"""Quotas of what comes most: a round trip to Redis for each would cost as much as storing a reading, or as
finding out who asks."""
STEP_SHARE = 0.02
"""Of the amount, that a process may have counted without having told the others."""

KINDS: Mapping[str, Kind] = {
    "health": Kind(None, 0, 1.0),
    "ingest": Kind("ingest", 1, 1.0),
    "alarm": Kind("calls", 1, 1.0),
    "claim": Kind("claim", 1, 0.9),
    "write": Kind("calls", 3, 0.9),
    "admin": Kind("calls", 3, 0.9),
    "read": Kind("calls", 1, 0.75),
    "page": Kind("page", 1, 0.75),
    "picture": Kind("calls", 5, 0.75),
    "analysis": Kind("calls", 30, 0.75),
    "sign_in": Kind("sign_in", 1, 0.5),
    "reset": Kind("reset", 1, 0.5),
    "registration": Kind("registration", 1, 0.5),
    "export": Kind("calls", 100, 0.5),
    "public_analysis": Kind("public_analysis", 1, 0.5),
    "browser_error": Kind("browser_errors", 1, 0.5),
    "stream": Kind("streams", 1, 1.0),
}
"""In the order in which a busy process goes on serving them; streams, which hold no thread, count apart."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def limited(kind: str) -> Callable[[View], View]:
    """Mark a handler with its kind; one without a mark has that of its access rule and method."""
    if kind not in KINDS:
        raise ValueError(f"there is no kind of request called {kind}")

    def mark(view: View) -> View:
        view.request_kind = kind  # type: ignore[attr-defined]  # functools.wraps carries it to wrapping views
        return view

    return mark


def kind_of(view: Callable[..., Any] | None, *, caller: Caller, method: str) -> str:
    """The kind of a request to this handler."""
    marked = getattr(view, "request_kind", None)
    if isinstance(marked, str):
        return marked
    if caller == "device":
        return "ingest"
    if caller == "public":
        return "page"
    return "read" if method in _READS else "write"


def read_overrides(text: str) -> dict[str, RateLimitItem]:
    """The operator's setting, `sign_in=10/minute;ingest=5000/second`.

    Raises
    ------
    ValueError
        Names the part that is no quota or no limit.
    """
    overrides: dict[str, RateLimitItem] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, limit = (side.strip() for side in part.partition("="))
        if name not in QUOTAS:
            raise ValueError(f"SIGNALCRAFT_RATE_LIMITS: {name!r} is none of {', '.join(QUOTAS)}.")
        try:
            overrides[name] = parse(limit)
        except ValueError:
            raise ValueError(
                f"SIGNALCRAFT_RATE_LIMITS: {limit!r} is no limit; write a number and second, minute, hour or"
                f" day, like {QUOTAS[name].default}."
            ) from None
        if overrides[name].amount < 1:
            raise ValueError(f"SIGNALCRAFT_RATE_LIMITS: {name} must allow at least one.")
    return overrides


@lru_cache(maxsize=1)
def limits_in_force() -> Mapping[str, RateLimitItem]:
    """Every quota's limit: the default, or what the operator has set."""
    defaults = {name: quota.item for name, quota in QUOTAS.items()}
    return defaults | read_overrides(get_settings().rate_limits)
