"""Does the system answer? Asked from outside the proxy, as people and nodes ask."""

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import httpx
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.observability import availability
from signalcraft.observability.availability import Incident
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.tiers import READING_PATH
from signalcraft.settings import Settings

log = get_logger(__name__)

INTERVAL_S = 10.0
ANSWER_S = 5.0
"""A person who has waited this long has gone."""
_REMEMBERED = 8640
"""Rounds of a day: while the database is away they wait here, for just then they matter."""
_KEPT = timedelta(days=400)

Round = tuple[datetime, str | None]
"""When it began, and what failed first; None where nothing did."""


class Probes:
    """Makes one round after the other, and keeps what came of them.

    Parameters
    ----------
    people, nodes : origins, as seen from outside: of the browsers' port, and of the port that nodes send to.
    """

    def __init__(self, people: str, nodes: str) -> None:
        self._people, self._nodes = people, nodes
        self._waiting: deque[Round] = deque(maxlen=_REMEMBERED)

    def run(self) -> None:
        """One round, and the rows of all that wait."""
        at = utc_now()
        cause = self.failure()
        if cause is not None:
            log.warning("probe_failed", reason=cause)
        self._waiting.append((at, cause))
        waiting = list(self._waiting)
        with unit_of_work() as session:
            for one in waiting:
                record(session, *one)
            availability.forget(session, at - _KEPT)
        self._waiting.clear()

    def failure(self) -> str | None:
        """What the first probe that fails met, or None."""
        probes: tuple[tuple[str, Callable[[httpx.Client], str | None]], ...] = (
            ("page", self._page),
            ("ready", self._ready),
            ("reading", self._reading),
        )
        for name, probe in probes:
            started = monotonic()
            try:
                # A connection of its own, as a new visitor has.
                with httpx.Client(trust_env=False, timeout=ANSWER_S) as client:
                    problem = probe(client)
            except httpx.HTTPError as error:
                problem = f"no answer ({type(error).__name__})"
            if problem is None and monotonic() - started > ANSWER_S:
                problem = f"took longer than {ANSWER_S:g} s"
            if problem is not None:
                return f"{name}: {problem}"
        return None

    def _page(self, client: httpx.Client) -> str | None:
        """The page and its first script come."""
        page = client.get(self._people)
        script = re.search(r'<script[^>]* src="(/[^"]+)"', page.text)
        if page.status_code != httpx.codes.OK or script is None:
            return f"the page answers {page.status_code}"
        answer = client.get(f"{self._people}{script[1]}")
        return None if answer.status_code == httpx.codes.OK else f"its script answers {answer.status_code}"

    def _ready(self, client: httpx.Client) -> str | None:
        """The people's tier reaches the database."""
        answer = client.get(f"{self._people}/ready")
        return None if answer.status_code == httpx.codes.OK else f"answers {answer.status_code}"

    def _reading(self, client: httpx.Client) -> str | None:
        """The tiers for nodes look at a reading. It is empty, so that they refuse it and keep nothing."""
        answer = client.post(f"{self._nodes}{READING_PATH}", json={})
        refused = {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}
        return None if answer.status_code in refused else f"answers {answer.status_code}"


def record(session: Session, at: datetime, cause: str | None) -> None:
    """Count a round; it begins an incident, goes on with one, or ends it."""
    availability.count(session, at, failed=cause is not None)
    lasting = availability.open_incident(session)
    if cause is not None and lasting is None:
        session.add(Incident(began_at=at, cause=cause))
    elif cause is None and lasting is not None:
        lasting.ended_at = max(at, lasting.began_at)
    session.flush()


def from_outside(settings: Settings) -> Probes:
    """Probes of this installation, through its public ports."""
    wildcard = settings.bind_address in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    host = LOOPBACK if wildcard else settings.bind_address
    host = f"[{host}]" if ":" in host else host
    return Probes(f"http://{host}:{settings.gateway_port}", f"http://{host}:{settings.api_port}")
