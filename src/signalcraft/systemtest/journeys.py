"""The journeys, in the order in which they are made, and making them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from signalcraft.systemtest import node, person
from signalcraft.systemtest.visit import Credentials, JourneyError, Visit

JourneyName = Literal["page", "overview", "reading", "batch", "sign_in", "clip", "events"]

ANSWER_S = 5.0
"""A person who has waited this long has gone."""
ANALYSIS_S = 20.0
"""What is heard is told within seconds; this long, and it is not told in time."""


@dataclass(frozen=True)
class Journey:
    """A way through the system that either succeeds or does not.

    Attributes
    ----------
    walk : makes it; raises `JourneyError`.
    limit_s : it has failed when it takes longer.
    costly : hashes a password or has sound analysed: the monitor makes it each minute, others each 10 s.
    """

    name: JourneyName
    walk: Callable[[Visit], None]
    limit_s: float
    costly: bool = False


@dataclass(frozen=True)
class JourneyResult:
    """What came of a journey; `detail` says what was met where it did not succeed, and is else empty."""

    name: JourneyName
    ok: bool
    seconds: float
    detail: str


JOURNEYS = (
    Journey("page", person.load_page, ANSWER_S),
    Journey("overview", person.see_overview, ANSWER_S),
    Journey("reading", node.send_reading, ANSWER_S),
    Journey("batch", node.send_batch, ANSWER_S),
    Journey("sign_in", person.sign_in, ANSWER_S, costly=True),
    Journey("clip", node.send_clip, ANALYSIS_S, costly=True),
    Journey("events", person.follow_events, ANALYSIS_S, costly=True),
)


def run(
    base_url: str, credentials: Credentials, journeys: Iterable[Journey] = JOURNEYS
) -> list[JourneyResult]:
    """Make the journeys one after the other, each whatever became of those before.

    Parameters
    ----------
    base_url : origin to go to: a public port of the proxy, or one that leads to a single release.
    """
    return [_make(base_url, credentials, journey) for journey in journeys]


def _make(base_url: str, credentials: Credentials, journey: Journey) -> JourneyResult:
    started = monotonic()
    visit = Visit(base_url, credentials, journey.limit_s)
    try:
        journey.walk(visit)
        visit.left_s()
    except JourneyError as error:
        detail = str(error)
    except (ValueError, KeyError, TypeError) as error:
        # The address may be anybody's, and a broken release may answer anything.
        detail = f"an answer that is not SignalCraft's ({type(error).__name__}: {error})"
    else:
        detail = ""
    finally:
        visit.close()
    return JourneyResult(journey.name, not detail, monotonic() - started, detail)
