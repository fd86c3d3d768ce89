"""Samples over time: put together by spans, and as columns for charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from signalcraft.observability.monitor_samples import MonitorSample


@dataclass(frozen=True)
class Columns:
    """The numbers of one section: for each moment of `taken_at` one value in every column, or None."""

    taken_at: list[datetime]
    numbers: dict[str, list[float | None]]


def columns(samples: Iterable[MonitorSample], span_s: int) -> dict[str, Columns]:
    """By section, one moment for each span. samples: in the order of section and time."""
    found: dict[str, Columns] = {}
    for section, group in groupby(means(samples, span_s), key=lambda sample: sample.section):
        rows = list(group)
        names = sorted({name for row in rows for name in row.numbers})
        found[section] = Columns(
            taken_at=[row.taken_at for row in rows],
            numbers={name: [row.numbers.get(name) for row in rows] for name in names},
        )
    return found


def means(samples: Iterable[MonitorSample], span_s: int) -> list[MonitorSample]:
    """One sample for each section and span. samples: in the order of section and time."""
    groups = groupby(samples, key=lambda sample: (sample.section, span_start(sample.taken_at, span_s)))
    return [
        MonitorSample(section=section, taken_at=start, span_s=span_s, numbers=_mean(list(group)))
        for (section, start), group in groups
    ]


def span_start(moment: datetime, span_s: int) -> datetime:
    """Beginning of the span that the moment lies in."""
    seconds = moment.timestamp()
    return datetime.fromtimestamp(seconds - seconds % span_s, moment.tzinfo)


def _mean(group: Sequence[MonitorSample]) -> dict[str, float]:
    """Of each number, over the samples that have it."""
    names = {name for sample in group for name in sample.numbers}
    return {name: _average([s.numbers[name] for s in group if name in s.numbers]) for name in sorted(names)}


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)
