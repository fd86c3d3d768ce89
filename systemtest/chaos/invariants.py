"""What must be true after any faults, looked up in the database and in what the clients were told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.telemetry.told import compared
from signalcraft.db.connection import application_url, libpq_parameters
from signalcraft.settings import Settings
from systemtest.chaos.load import Given, Heard, Load

STUCK_SECONDS = 60
RINGS_ABOUT = "temperature_alert"
POLITE = "what cannot be done now is answered with 429, 502, 503 or 504"


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, for what, and at which second of the run that was given or seen."""

    invariant: str
    what: str
    at_s: float


class Database:
    """The database as it is, past everything that is being tested."""

    def __init__(self, settings: Settings) -> None:
        self._parameters = libpq_parameters(application_url(settings))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What it answers.

        Raises
        ------
        psycopg.Error
            It is away.
        """
        with psycopg.connect(**self._parameters, connect_timeout=2) as connection:
            return connection.execute(query, values).fetchall()

    def stuck_jobs(self) -> list[str]:
        """Analyses that have been waiting for too long, by the database's clock."""
        query = (
            "SELECT id::text FROM analyses WHERE state NOT IN ('done', 'failed')"
            " AND created_at < clock_timestamp() - make_interval(secs => %s)"
        )
        return [row[0] for row in self.rows(query, STUCK_SECONDS)]

    def newest_event(self) -> int:
        """The number of the last event."""
        return int(self.rows("SELECT last_event_id FROM outbox_counter")[0][0])


def missing(load: Load, database: Database) -> Iterator[str]:
    """What is still to come before the invariants can be judged: nothing, when all is told."""
    newest = database.newest_event()
    clips = {clip.said for clip in load.clips if clip.said}
    rung = _alarms(load, database)
    for number, heard in enumerate(load.listeners, 1):
        if heard.ids[-1:] != [newest]:
            yield f"client {number} is at event {heard.ids[-1:]} of {newest}"
        if untold := clips - heard.finished.keys():
            yield f"client {number} waits for the analysis of {len(untold)} clips"
    if silent := [ring for ring in load.rings if _is_given(ring) and ring.key not in rung]:
        yield f"{len(silent)} alarms have not rung"


def violations(load: Load, settings: Settings, objects: Path) -> Iterator[Violation]:
    """All that does not hold; `objects` is where the sound is."""
    database = Database(settings)
    yield from _of_readings(load, settings, database)
    yield from _of_clips(load, database, objects)
    yield from _of_alarms(load, database)
    for heard in load.listeners:
        yield from events_violated(heard)
    for at_s, what in load.unexpected:
        yield Violation(POLITE, what, at_s)


def _of_readings(load: Load, settings: Settings, database: Database) -> Iterator[Violation]:
    invariant = "each acknowledged reading is stored exactly once, as it was sent"
    for node in load.nodes:
        for reason in node.unexpected[:3]:
            yield Violation(POLITE, f"{node.device_id}: {reason}", load.now())
        found = compared(settings, [node], load.keys)[node.device_id]
        for word, numbers in (("lost", found.lost), ("doubled", found.doubled), ("changed", found.wrong)):
            if numbers:
                what = f"{len(numbers)} of {node.device_id} {word}, the first is number {min(numbers)}"
                yield Violation(invariant, what, load.sent_at(node, min(numbers)))
        if found.unknown:
            yield Violation(
                invariant, f"{len(found.unknown)} of {node.device_id} were never sent", load.now()
            )

    rows = database.rows(
        "SELECT (extract(epoch FROM measured_at) * 1000000)::bigint FROM readings WHERE device_id = %s",
        load.keys[load.once_name],
    )
    stored = {row[0] for row in rows}
    for moment_us, at_s in load.once.items():
        if moment_us not in stored:
            yield Violation(invariant, f"one of {load.once_name}, sent once, lost", at_s)


def _of_clips(load: Load, database: Database, objects: Path) -> Iterator[Violation]:
    invariant = "each acknowledged clip is stored exactly once, with its sound, and analysed"
    rows = database.rows(
        "SELECT c.id::text, c.object_key, c.size_bytes, count(a.id), min(a.state),"
        " (SELECT count(*) FROM clips o WHERE o.device_id = c.device_id AND o.measured_at = c.measured_at)"
        " FROM clips c LEFT JOIN analyses a ON a.clip_id = c.id GROUP BY c.id"
    )
    stored = {row[0]: row[1:] for row in rows}
    for clip in load.clips:
        if not clip.said:
            continue
        for flaw in _flaws(stored.get(clip.said), objects):
            yield Violation(invariant, f"{clip.said}: {flaw}", clip.acknowledged_at or 0.0)


def _flaws(row: Sequence[Any] | None, objects: Path) -> Iterator[str]:
    if row is None:
        yield "there is no row"
        return
    key, size, analyses, state, times = row
    sound = objects / key
    if not sound.exists() or sound.stat().st_size != size:
        yield "its sound is not in the store, or not all of it"
    if times != 1:
        yield f"it is there {times} times"
    if (analyses, state) != (1, "done"):
        yield f"{analyses} analyses, {state}"


def _of_alarms(load: Load, database: Database) -> Iterator[Violation]:
    rung = _alarms(load, database)
    for ring in load.rings:
        if _is_given(ring) and len(rung.get(ring.key, [])) != 1:
            what = f"{ring.device_id}: {len(rung.get(ring.key, []))} alarms"
            yield Violation("each acknowledged cause rings once", what, ring.acknowledged_at or 0.0)
    told = database.rows(
        "SELECT a.id,"
        " (SELECT count(*) FROM notifications n WHERE n.alarm_id = a.id AND n.type = 'alarm.raised'),"
        " (SELECT min(o.id) FROM outbox o WHERE o.type = 'alarm.raised'"
        "  AND (o.payload -> 'alarm' ->> 'id')::bigint = a.id) FROM alarms a"
    )
    for alarm, times, event in told:
        if not times or event is None:
            yield Violation("each alarm is notified", f"alarm {alarm} is not", load.now())
            continue
        for number, heard in enumerate(load.listeners, 1):
            # What rang after the client had left was not for it.
            if event <= max(heard.ids, default=0) and heard.raised[alarm] != 1:
                what = f"alarm {alarm}, client {number}: {heard.raised[alarm]} times"
                yield Violation("each alarm is shown once", what, load.now())


def events_violated(heard: Heard) -> Iterator[Violation]:
    """What one client missed or saw twice, up to the last event it has; `missing` looks for later ones."""
    invariant = "a client that resumes loses no event, and sees none twice"
    last_s = heard.at_s[-1] if heard.at_s else 0.0
    steps = zip([0, *heard.ids], heard.ids, heard.at_s, strict=False)
    gaps = [(before, after, at_s) for before, after, at_s in steps if after != before + 1]
    for before, after, at_s in gaps[:5]:
        yield Violation(invariant, f"event {before} is followed by {after}", at_s)
    if heard.resets:
        yield Violation(invariant, f"it was reset {heard.resets} times", last_s)
    if doubled := [clip for clip, times in heard.finished.items() if times > 1]:
        yield Violation(invariant, f"{len(doubled)} analyses were told twice", last_s)


def _is_given(given: Given) -> bool:
    return given.acknowledged_at is not None


def _alarms(load: Load, database: Database) -> dict[int, list[int]]:
    """Numbers of the alarms of the nodes that became too warm, by device."""
    rung: dict[int, list[int]] = {}
    for key, alarm in database.rows(
        "SELECT d.id, a.id FROM alarms a JOIN devices d USING (machine_id)"
        " WHERE a.condition = %s AND d.id = ANY(%s)",
        RINGS_ABOUT,
        [ring.key for ring in load.rings],
    ):
        rung.setdefault(key, []).append(alarm)
    return rung
