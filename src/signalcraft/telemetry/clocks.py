"""When something was measured, told by a node that only counts since it was switched on.

A node without a clock says which start (`boot`) its count belongs to and how long it had run (`uptime`). What
is missing is the moment of the start on our clock. It is learned from the first message of each boot, kept,
and never changed for what may have been sent already: the same message, sent again, is given the same time
and is recognised as a reading that is there.

    measured at  =  offset of the boot  +  uptime

The least delayed message tells most, for none arrives before it is sent: the true offset is at most the least
`received - uptime`. An offset too late (the first message had lain in the node's buffer, or its crystal runs
fast) shows when a message would be from the future; one too early (the crystal runs slow) shows when for an
hour no message comes near it. Either way the new offset holds from AHEAD_US of uptime later on, which no
message can bear yet.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.db.session import after_commit
from signalcraft.telemetry import clock_queries as queries
from signalcraft.telemetry.times import microseconds

UNNAMED = -1
"""The boot of firmware that names none: its start is recognised by its moment."""
SAME_START_US = 60_000_000
"""Two starts of one node less than a minute apart are taken for one where it names none."""
TOLERANCE_US = 2_000_000
"""Less than this is the network's jitter, not the clock's error."""
WINDOW_US = 3_600_000_000
"""Within an hour some message travels undelayed; a crystal that is off by 50 ppm errs by 0.2 s until then."""
REMEMBERED_S = 60.0
"""How long a process relies on what it knows of a boot before it looks whether another has learned more."""
AHEAD_US = 90_000_000
"""A new offset begins to hold when every process has looked again."""
MILLIS_WRAP_US = 2**32 * 1000
"""`millis()` begins anew at zero after 49.7 days."""
REMEMBERED_BOOTS = 100_000
"""Some 50 MB. Invented boots must not fill the memory."""
NOTHING_SEEN = 2**62

Key = tuple[int, int]


@dataclass
class _Boot:
    """What this process knows of one start of a node.

    window_from_us, least_offset_us : since which uptime it watches, and the least `received - uptime` seen.
    """

    key: Key
    from_us: list[int]
    offset_us: list[int]
    window_from_us: int = 0
    least_offset_us: int = NOTHING_SEEN
    looked_at: float = field(default_factory=monotonic)

    def measured_at(self, uptime_us: int, now_us: int) -> int:
        piece = max(bisect_right(self.from_us, uptime_us) - 1, 0)
        moment = self.offset_us[piece] + uptime_us
        if now_us - moment >= MILLIS_WRAP_US - TOLERANCE_US:
            moment += (now_us - moment + TOLERANCE_US) // MILLIS_WRAP_US * MILLIS_WRAP_US
        return moment

    def watch(self, sent_us: int, now_us: int) -> None:
        """Take notice of a message's travelling time."""
        if self.least_offset_us == NOTHING_SEEN:
            self.window_from_us = sent_us
        offset_us = now_us - sent_us
        offset_us -= max(offset_us - self.offset_us[-1] + TOLERANCE_US, 0) // MILLIS_WRAP_US * MILLIS_WRAP_US
        self.least_offset_us = min(self.least_offset_us, offset_us)

    @property
    def is_too_late(self) -> bool:
        return self.least_offset_us < self.offset_us[-1] - TOLERANCE_US

    def is_watched(self, sent_us: int) -> bool:
        return sent_us - self.window_from_us >= WINDOW_US


class Clocks:
    """Places messages in time; one instance a process. What it remembers has been committed."""

    def __init__(self) -> None:
        self._known: dict[Key, _Boot] = {}

    def place(
        self,
        session: Session,
        device_ids: NDArray[np.integer],
        boots: NDArray[np.int64],
        uptimes_us: NDArray[np.int64],
        received_at: datetime,
        *,
        sent_us: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """When each was measured, in microseconds since 1970.

        Parameters
        ----------
        device_ids, boots, uptimes_us : of each message; UNNAMED where the firmware names no boot.
        received_at : when all of them arrived.
        sent_us : the node's uptime when it sent, where it says so: what was buffered then does not mislead.
        """
        now_us = microseconds(received_at)
        keys = list(zip(device_ids.tolist(), boots.tolist(), strict=True))
        uptimes = uptimes_us.tolist()
        newest: dict[Key, int] = {}
        for key, sent in zip(keys, uptimes if sent_us is None else sent_us.tolist(), strict=True):
            newest[key] = max(newest.get(key, 0), sent)
        known = self._look(session, newest, now_us, received_at)
        for key, sent in newest.items():
            boot = known[key]
            boot.watch(sent, now_us)
            if boot.is_too_late or boot.is_watched(sent):
                _learn(session, boot, sent, received_at)
        measured = [known[key].measured_at(uptime, now_us) for key, uptime in zip(keys, uptimes, strict=True)]
        return np.array(measured, np.int64)

    def _look(
        self, session: Session, newest: dict[Key, int], now_us: int, received_at: datetime
    ) -> dict[Key, _Boot]:
        """Each boot, from memory or the database; new ones are learned."""
        now = monotonic()
        known = {
            key: boot
            for key, sent in newest.items()
            if (boot := self._known.get(key)) is not None
            and now - boot.looked_at < REMEMBERED_S
            and (key[1] != UNNAMED or _is_same_start(boot, now_us - sent))
        }
        starts = {key: now_us - sent for key, sent in newest.items() if key not in known}
        if starts:
            found = _find(session, starts)
            new = {key: start for key, start in starts.items() if key not in found}
            if new:
                named = {_named(key, start): start for key, start in new.items()}
                queries.add_boots(session, named, learned_at=received_at)
                found |= _find(session, new)
            for key, boot in found.items():
                self._continue_watch(key, boot)
            known |= found
            after_commit(session, lambda: self._remember(found))
        return known

    def _continue_watch(self, key: Key, boot: _Boot) -> None:
        before = self._known.get(key)
        if before is not None and before.key == boot.key:
            boot.window_from_us, boot.least_offset_us = before.window_from_us, before.least_offset_us

    def _remember(self, found: dict[Key, _Boot]) -> None:
        if len(self._known) + len(found) > REMEMBERED_BOOTS:
            self._known.clear()
        self._known |= found


@lru_cache(maxsize=1)
def get_clocks() -> Clocks:
    """That of this process. Call it after the fork only."""
    return Clocks()


def _find(session: Session, starts: dict[Key, int]) -> dict[Key, _Boot]:
    named = [key for key in starts if key[1] != UNNAMED]
    found = {(row[0], row[1]): _of_row(row) for row in (queries.boots(session, named) if named else ())}
    unnamed = [key[0] for key in starts if key[1] == UNNAMED]
    if unnamed:
        candidates = (_of_row(row) for row in queries.unnamed_boots(session, unnamed, newest=3))
        found |= _matching(candidates, starts)
    return found


def _matching(candidates: Iterable[_Boot], starts: dict[Key, int]) -> dict[Key, _Boot]:
    """Of each device without named boots, the boot whose start is the message's."""
    return {key: boot for boot in candidates if _is_same_start(boot, starts[key := (boot.key[0], UNNAMED)])}


def _is_same_start(boot: _Boot, start_us: int) -> bool:
    return abs(start_us - boot.offset_us[-1]) < SAME_START_US


def _named(key: Key, start_us: int) -> Key:
    return key if key[1] != UNNAMED else (key[0], -(start_us // 1_000_000))


def _of_row(row: queries.Row) -> _Boot:
    device, boot, from_us, offset_us = row
    return _Boot((device, boot), from_us, offset_us)


def _learn(session: Session, boot: _Boot, sent_us: int, received_at: datetime) -> None:
    """Correct the offset for what comes, if it is wrong; note the drift; watch anew."""
    _, _, boot.from_us, boot.offset_us = queries.lock_boot(session, boot.key)
    error_us = boot.least_offset_us - boot.offset_us[-1]
    held_us = sent_us - boot.from_us[-1]
    drift_ppm = 1e6 * error_us / held_us if held_us >= WINDOW_US else None
    if abs(error_us) > TOLERANCE_US:
        boot.from_us = [*boot.from_us, sent_us + AHEAD_US]
        boot.offset_us = [*boot.offset_us, boot.least_offset_us]
    queries.learn(
        session,
        boot.key,
        from_us=boot.from_us,
        offset_us=boot.offset_us,
        drift_ppm=drift_ppm,
        learned_at=received_at,
    )
    boot.least_offset_us = NOTHING_SEEN
