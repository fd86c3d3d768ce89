"""When another release began to answer: the marks on the charts."""

from time import monotonic

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.monitor.tiers import Tiers
from signalcraft.observability import monitor_samples

_GONE_S = 60.0
"""Silent for so long, a release has been stopped, and is not just busy."""


class Releases:
    """Notes a release of a colour that was not at work a minute ago."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._seen: dict[tuple[str, str], float] = {}

    def note(self) -> None:
        now = monotonic()
        answering = [(found["colour"], found["release"]) for found in self._tiers.releases]
        new = [pair for pair in answering if now - self._seen.get(pair, now - 2 * _GONE_S) > _GONE_S]
        if new:
            with unit_of_work() as session:
                known = monitor_samples.newest_releases(session) if not self._seen else {}
                for colour, release in new:
                    if known.get(colour) != release:
                        monitor_samples.note_release(session, colour, release, utc_now())
        self._seen |= dict.fromkeys(answering, now)
