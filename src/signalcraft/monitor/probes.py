"""Does the system answer? Asked from outside the proxy, as people and nodes ask."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.monitor.incidents import Attempt, Judge, Round
from signalcraft.monitor.sampling import Look
from signalcraft.observability import availability
from signalcraft.observability.availability import Incident
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.visitors import visitors
from signalcraft.settings import Settings
from signalcraft.systemtest import JOURNEYS, Credentials, Journey, JourneyResult, run

log = get_logger(__name__)

INTERVAL_S = 10.0
COSTLY_INTERVAL_S = 60.0
_REMEMBERED = 8640
"""Rounds of a day: while the database is away they wait here, for just then they matter."""
_KEPT = timedelta(days=400)

_CHEAP = tuple(journey for journey in JOURNEYS if not journey.costly)
_COSTLY = tuple(journey for journey in JOURNEYS if journey.costly)
_NOBODY = Credentials("", "", "", 0, "", "")

Kept = tuple[list[Attempt], Round | None]
"""What was tried at one time, and the round that ended with it."""


class Probes:
    """Makes the journeys again and again, and keeps what came of them.

    Attributes
    ----------
    newest : the newest attempt at each journey.
    incident : what the incident that lasts is about; None where there is none.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings, self._url = settings, url
        self._judge, self._lock = Judge(), Lock()
        self._waiting: deque[Kept] = deque(maxlen=_REMEMBERED)
        self._visitors: Credentials | None = None
        self._last_hour: deque[bool] = deque(maxlen=360)
        self.newest: dict[str, Attempt] = {}
        self.incident: str | None = None

    def make_round(self) -> None:
        """The cheap journeys; with them ends a round."""
        self._make(_CHEAP, ends_round=True)

    def make_costly(self) -> None:
        """The journeys that hash a password or have sound analysed."""
        self._make(_COSTLY, ends_round=False)

    def failed_last_hour(self) -> int:
        """How many of the rounds of the last hour failed."""
        return sum(self._last_hour)

    def look(self) -> Look:
        """The newest attempt at each journey, and how long each took."""
        newest = dict(self.newest)
        document = {
            name: {"at": iso(attempt.at), "ok": attempt.result.ok, "detail": attempt.result.detail}
            for name, attempt in newest.items()
        }
        return Look(document, {f"{name}_s": attempt.result.seconds for name, attempt in newest.items()})

    def _make(self, journeys: Sequence[Journey], *, ends_round: bool) -> None:
        at = utc_now()
        attempts = [Attempt(at, result) for result in self._results(journeys)]
        for attempt in attempts:
            if not attempt.result.ok:
                log.warning("journey_failed", journey=attempt.result.name, reason=attempt.result.detail)
        with self._lock:
            self._judge.note(attempts)
            self.newest |= {attempt.result.name: attempt for attempt in attempts}
            ended = self._end_round(at) if ends_round else None
            self._waiting.append((attempts, ended))
            self._keep()

    def _end_round(self, at: datetime) -> Round:
        ended = self._judge.round(at)
        self._last_hour.append(bool(ended.failed))
        if ended.cause is not None:
            self.incident = self.incident or ended.cause
        elif ended.well_since is not None:
            self.incident = None
        return ended

    def _results(self, journeys: Sequence[Journey]) -> list[JourneyResult]:
        """What comes of the journeys; before there are visitors only the page can be asked for."""
        try:
            if self._visitors is None:
                with unit_of_work() as session:
                    self._visitors = visitors(session, self._settings)
        except DBAPIError:
            return [
                JourneyResult(journey.name, False, 0.0, "the database does not answer")
                for journey in journeys
            ]
        if self._visitors is None:
            return run(self._url, _NOBODY, [journey for journey in journeys if journey.name == "page"])
        return run(self._url, self._visitors, journeys)

    def _keep(self) -> None:
        """Write down all that waits; it goes on waiting where the database is away."""
        with unit_of_work() as session:
            for attempts, ended in self._waiting:
                record(session, attempts, ended)
            availability.forget(session, utc_now() - _KEPT)
        self._waiting.clear()


def record(session: Session, attempts: Sequence[Attempt], ended: Round | None) -> None:
    """Count what was tried; the round begins an incident, goes on with one, or ends it."""
    for attempt in attempts:
        result = attempt.result
        availability.count_journey(
            session, result.name, attempt.at, failed=not result.ok, seconds=result.seconds
        )
    if ended is None:
        return
    availability.count_round(session, ended.at, failed=bool(ended.failed))
    lasting = availability.open_incident(session)
    if ended.cause is not None and lasting is None:
        session.add(Incident(began_at=ended.began_at, cause=ended.cause, journeys=sorted(ended.failed)))
    elif lasting is not None and ended.failed:
        lasting.journeys = sorted({*(lasting.journeys or ()), *ended.failed})
    elif lasting is not None and ended.well_since is not None:
        lasting.ended_at = max(ended.well_since, lasting.began_at)
    session.flush()


def public_url(settings: Settings) -> str:
    """Where this machine reaches the browsers' port of the installation, from outside the proxy."""
    wildcard = settings.bind_address in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    host = LOOPBACK if wildcard else settings.bind_address
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.gateway_port}"
