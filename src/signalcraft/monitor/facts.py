"""What alerts are judged by: the newest looks, the probes, and a few questions to the database."""

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.monitor.looks import Looks
from signalcraft.monitor.probes import Probes

RESTARTS_SPAN_S = 600.0
"""In which restarts of a process are counted."""
BUDGET_S = 0.001 * 30 * 86400
"""What may fail in 30 days while 99.9 % are met, in seconds."""

_STORED = text(
    """
    SELECT
        (SELECT coalesce(sum(failed), 0)::int FROM probe_hours WHERE hour >= :month) AS failed_rounds,
        (SELECT extract(epoch FROM :now - until)::float FROM listening) AS upkeep_silent_s,
        extract(epoch FROM :now - coalesce(
            (SELECT max(started_at) FROM backup_runs WHERE kind = 'backup' AND trusted),
            (SELECT min(created_at) FROM users)
        ))::float AS backup_age_s,
        (SELECT CASE WHEN trusted THEN NULL ELSE coalesce(problem, '') END FROM backup_runs
            WHERE kind = 'backup' ORDER BY started_at DESC LIMIT 1) AS backup_problem,
        (SELECT count(*) FILTER (WHERE last_seen_at > :shortly)::int FROM devices JOIN machines
            ON machines.id = machine_id WHERE shop_id IS NOT NULL AND NOT probe) AS nodes_heard_shortly,
        (SELECT count(*) FILTER (WHERE last_seen_at > :hour)::int FROM devices JOIN machines
            ON machines.id = machine_id WHERE shop_id IS NOT NULL AND NOT probe) AS nodes_heard_this_hour
    """
)


class UnknownError(Exception):
    """Nothing is known of it now: what was told stays as it is."""


class Facts:
    """Gathered anew before each judgement.

    Attributes
    ----------
    stored : what the database says of the rest; empty while it is away.
    restarts : how often each process was restarted in the last 10 minutes.
    clock_step_s : how far the clock was moved since the look before.
    """

    def __init__(self, looks: Looks, probes: Probes) -> None:
        self.looks, self.probes = looks, probes
        self.stored: Mapping[str, Any] = {}
        self.restarts: dict[str, int] = {}
        self.clock_step_s = 0.0
        self._seen_restarts: deque[tuple[float, dict[str, int]]] = deque()
        self._clock = (utc_now(), monotonic())

    def gather(self) -> None:
        """Look anew.

        Raises
        ------
        DBAPIError
            The database is away; everything else was gathered.
        """
        self._follow_clock()
        self._follow_restarts()
        self.stored = {}
        with unit_of_work() as session:
            self.stored = _stored(session)

    def document(self, section: str, *, within_s: float) -> Mapping[str, Any]:
        """What was seen last of a section; raises UnknownError where that is longer ago."""
        found = self.looks.document(section, within_s=within_s)
        if found is None:
            raise UnknownError(section)
        return found

    def from_database(self, name: str) -> Any:
        """A column of `stored`; raises UnknownError while the database is away."""
        if name not in self.stored:
            raise UnknownError(name)
        return self.stored[name]

    def _follow_clock(self) -> None:
        now, ticks = utc_now(), monotonic()
        self.clock_step_s = (now - self._clock[0]).total_seconds() - (ticks - self._clock[1])
        self._clock = now, ticks

    def _follow_restarts(self) -> None:
        """PM2 counts from when it came to know a process, so a count that falls begins anew."""
        seen = self.looks.document("processes", within_s=RESTARTS_SPAN_S)
        if seen is None:
            return
        now = monotonic()
        counts = {row["name"]: int(row["restarts"]) for row in seen["processes"]}
        while self._seen_restarts and now - self._seen_restarts[0][0] > RESTARTS_SPAN_S:
            self._seen_restarts.popleft()
        self._seen_restarts.append((now, counts))
        self.restarts = {
            name: count - min(former.get(name, count) for _, former in self._seen_restarts)
            for name, count in counts.items()
        }


def _stored(session: Session) -> Mapping[str, Any]:
    now = utc_now()
    given = {
        "now": now,
        "month": now - timedelta(days=30),
        "shortly": now - timedelta(minutes=10),
        "hour": now - timedelta(hours=1),
    }
    return dict(session.execute(_STORED, given).one()._mapping)
