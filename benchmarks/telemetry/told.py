"""What the database holds of the readings of `senders.py`, against what their nodes were told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from benchmarks.telemetry.senders import Node
from signalcraft.db.connection import application_url, libpq_parameters
from signalcraft.settings import Settings


@dataclass(frozen=True)
class Found:
    """Numbers of one node's readings.

    lost : acknowledged and not there. doubled : there more than once. wrong : there with another value.
    unknown : moments that are there and were never sent. in_doubt : sent and never acknowledged, but there:
    harmless.
    """

    lost: list[int]
    doubled: list[int]
    wrong: list[int]
    unknown: list[int]
    in_doubt: list[int]


@dataclass(frozen=True)
class Verdict:
    """How many of each there are, of all nodes."""

    acknowledged: int
    lost: int
    doubled: int
    wrong: int
    unknown: int
    in_doubt: int

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.unknown)


def judged(settings: Settings, told: Sequence[Node], keys: Mapping[str, int]) -> Verdict:
    """All nodes together."""
    found = compared(settings, told, keys).values()
    return Verdict(
        acknowledged=sum(node.acknowledged for node in told),
        lost=sum(len(one.lost) for one in found),
        doubled=sum(len(one.doubled) for one in found),
        wrong=sum(len(one.wrong) for one in found),
        unknown=sum(len(one.unknown) for one in found),
        in_doubt=sum(len(one.in_doubt) for one in found),
    )


def compared(settings: Settings, told: Sequence[Node], keys: Mapping[str, int]) -> dict[str, Found]:
    """By device, what is there; `keys`: its name to `devices.id`."""
    found = {}
    with psycopg.connect(**libpq_parameters(application_url(settings))) as connection:
        for node in told:
            rows = connection.execute(
                "SELECT (extract(epoch FROM measured_at) * 1000000)::bigint, temperature_c, audio_level"
                " FROM readings WHERE device_id = %s",
                (keys[node.device_id],),
            ).fetchall()
            found[node.device_id] = _compared(node, rows)
    return found


def _compared(node: Node, rows: Sequence[tuple[int, float, float]]) -> Found:
    sent = {node.moment_us(number): number for number in range(node.sent)}
    unknown = [moment for moment, *_ in rows if moment not in sent]
    known = [(sent[moment], tuple(values)) for moment, *values in rows if moment in sent]
    seen = Counter(number for number, _ in known)
    return Found(
        lost=[number for number in range(node.acknowledged) if not seen[number]],
        doubled=[number for number, times in seen.items() if times > 1],
        wrong=[number for number, values in known if values != node.values(number)],
        unknown=unknown,
        in_doubt=[number for number in seen if number >= node.acknowledged],
    )
