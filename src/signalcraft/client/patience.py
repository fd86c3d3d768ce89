"""Sending again what the server could not take: how long to wait, and until when."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from signalcraft.client.errors import UnreachableError

BUSY_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that mean "come again". After 429 and 503 nothing was stored; after 502 and 504 nobody knows."""
NOTHING_STORED = frozenset({429, 503})
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass(frozen=True)
class Patience:
    """How long one request is tried again before the last answer counts.

    Parameters
    ----------
    seconds : in all, of waiting; 0 tries once.
    sleep, chance : the clock and the lot, replaceable in tests. `chance(low, high)` gives a pause in between.
    """

    seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[float, float], float] = random.uniform

    def send(self, attempt: Callable[[], httpx.Response], *, repeatable: bool) -> httpx.Response:
        """The answer to `attempt`, which is made again while the server is away or busy.

        Pauses double and are drawn by lot, so that many clients do not come back together; they are never
        shorter than Retry-After asks for.

        Parameters
        ----------
        repeatable : whether doing it twice is as good as once. Otherwise it is only repeated where the server
            has said that nothing was stored.

        Raises
        ------
        UnreachableError
            There was no connection until the end.
        """
        waited = 0.0
        failures = 0
        while True:
            asked = 0.0
            answer: httpx.Response | None = None
            failure: httpx.TransportError | None = None
            try:
                answer = attempt()
            except httpx.TransportError as error:
                failure = error
            else:
                if answer.status_code not in (BUSY_STATUSES if repeatable else NOTHING_STORED):
                    return answer
                asked = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
            pause = asked + self.pause_seconds(failures)
            may_repeat = repeatable or answer is not None or isinstance(failure, _NEVER_SENT)
            if not may_repeat or waited + pause > self.seconds:
                if answer is not None:
                    return answer
                raise UnreachableError(f"no connection ({type(failure).__name__})") from failure
            self.sleep(pause)
            waited += pause
            failures += 1

    def pause_seconds(self, failures: int) -> float:
        """How long to wait after that many failures before this one: longer each time, and drawn by lot."""
        return self.chance(0.0, min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 16), LONGEST_PAUSE_SECONDS))


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """Seconds that a Retry-After field asks for (RFC 9110, 10.2.3); 0 where it is missing or unreadable."""
    if value is None:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
