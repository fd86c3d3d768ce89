"""Writes the figures of load tests into docs/performance.md.

    .venv/bin/python -m loadtests.performance REPORT.json … [--old BASELINE.md]

What stands between the two marks of the document is replaced: a figure there always comes from a report, with
its date, machine, command and spread. Bars that no report has measured are shown as such.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.compare_old import WORKS, compare, read_table

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: loadtests.performance -->", "<!-- end of figures -->"

Report = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One line of the project's bars.

    Attributes
    ----------
    figure : name in `Times` or `Delivered`; `per_s` for journeys that went well, a second.
    most : whether the figure may be at most `bar`, or must be at least.
    """

    what: str
    plan: str
    load: str
    part: str
    figure: str
    unit: str
    bar: float
    aim: float
    most: bool = True


BARS: Sequence[Bar] = (
    Bar(
        "analysis of a 10 s clip, 50 clients in a closed loop, mean",
        "2,000 ms", "analysis-50", "analysis", "mean_ms", "ms", 1000, 400,
    ),
    Bar("the same, 20 clips/s offered, p95", "–", "analysis-20-per-s", "analysis", "p95_ms", "ms", 500, 200),
    Bar(
        "200 people with a stream, a page every 5 s, p95 of its requests",
        "50 people", "people-200", "page", "p95_ms", "ms", 200, 200,
    ),
    Bar("1,000 people, the same", "–", "people-1000", "page", "p95_ms", "ms", 250, 250),
    Bar(
        "event from commit to screen, 1,000 streams, 10 events/s, p99",
        "–", "streams-1000", "delivered", "p99_ms", "ms", 250, 100,
    ),
    Bar(
        "sign-ins with argon2id, 40/s offered",
        "100/s (was 16)", "sign-in-40-per-s", "sign_in", "per_s", "/s", 40, 40, most=False,
    ),
    Bar(
        "token checks, 1,500/s offered",
        "–", "token-checks-1500-per-s", "token_check", "per_s", "/s", 1500, 3000, most=False,
    ),
    Bar(
        "token checks, 3,000/s offered",
        "–", "token-checks-3000-per-s", "token_check", "per_s", "/s", 3000, 3000, most=False,
    ),
)  # fmt: skip
SHORTFALL = 0.01
"""Of an offered rate: a journey that began at the very end is not counted as short."""


def main(
    reports: Annotated[list[Path], typer.Argument(exists=True, help="Reports of loadtests.run.")],
    old: Annotated[Path | None, typer.Option(exists=True, help="The old servers' table.")] = None,
) -> None:
    """Put the figures into the document."""
    found = [json.loads(path.read_text()) for path in reports]
    text = DOCUMENT.read_text()
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        sys.exit(f"{DOCUMENT.name} has lost its marks {BEGIN} and {END}.")
    figures = "\n\n".join(_sections(found, None if old is None else old.read_text()))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}")


def _sections(reports: Sequence[Report], old: str | None) -> Iterator[str]:
    yield "## The bars"
    yield _table(
        ("what", "plan", "at least", "aim", "measured", "spread", "failed", "reached", "date and command"),
        [bar_row(bar, reports) for bar in BARS],
    )
    for report in reports:
        if report["climbs"]:
            yield "## The knee"
            yield _measured(report)
            rows = [
                (f"{one['name']}, {one['unit']}", f"{one['knee'] or 0:,.1f}", one["saturated"])
                for one in report["climbs"]
            ]
            yield _table(("load", "knee", "what was used up first"), rows)
        elif report["profile"] not in ("bars", "aims"):
            yield f"## {report['profile'].capitalize()}"
            yield f"{report['about']} {_measured(report)}"
            yield _table(_OUTCOME_HEAD, [row for one in report["outcomes"] for row in _outcome_rows(one)])
    if old is not None:
        yield "## Beside the old servers"
        yield _table(("work", "old", "ours", "times as good", "mind"), list(_old_rows(old, reports)))


def bar_row(bar: Bar, reports: Sequence[Report]) -> tuple[str, ...]:
    """The line of a bar: the median of the rounds, and their spread."""
    limits = (f"{bar.bar:,.0f} {bar.unit}", f"{bar.aim:,.0f} {bar.unit}")
    for report in reports:
        rounds = [one for one in report["outcomes"] if one["name"] == bar.load]
        values = [value for one in rounds if (value := _value(bar, one)) is not None]
        if not values:
            continue
        middle = statistics.median(values)
        failed = max(one["failed"] + one["dropped"] for one in rounds)
        spread = f"{min(values):,.0f}–{max(values):,.0f} of {len(values)}"
        reached = _reached(bar, middle, failed)
        when = f"{report['measured_at'][:16]}, load {report['load_average']:.1f}, `{report['command']}`"
        return (
            bar.what,
            bar.plan,
            *limits,
            f"{middle:,.0f} {bar.unit}",
            spread,
            f"{failed:.2%}",
            reached,
            when,
        )
    return bar.what, bar.plan, *limits, "not measured", "", "", "", ""


def _value(bar: Bar, outcome: dict[str, Any]) -> float | None:
    if bar.part == "delivered":
        seen = outcome["delivered"]
        return None if seen is None else float(seen[bar.figure])
    times = outcome["parts"].get(bar.part)
    if times is None:
        return None
    return times["count"] / outcome["seconds"] if bar.figure == "per_s" else float(times[bar.figure])


def _reached(bar: Bar, value: float, failed: float) -> str:
    if failed > 0.001:
        return "no: errors"
    if bar.most:
        return "aim" if value <= bar.aim else "bar" if value <= bar.bar else "no"
    room = 1 - SHORTFALL
    return "aim" if value >= bar.aim * room else "bar" if value >= bar.bar * room else "no"


_OUTCOME_HEAD = ("load", "part", "per s", "median ms", "p95", "p99", "failed", "held")


def _outcome_rows(one: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    parts = dict(one["parts"])
    for name, key in (("delivered", "event to screen"), ("acknowledged", "acknowledgement")):
        if (seen := one[name]) is not None and (count := seen.get("expected", seen.get("acknowledged"))):
            parts[key] = {**seen, "count": count}
    for part, times in parts.items():
        yield (
            one["name"], part, f"{times['count'] / one['seconds']:,.1f}",
            *(f"{times[name]:,.1f}" for name in ("median_ms", "p95_ms", "p99_ms")),
            f"{one['failed'] + one['dropped']:.2%}", "no" if one["missed"] else "yes",
        )  # fmt: skip


def _old_rows(old: str, reports: Sequence[Report]) -> Iterator[tuple[str, ...]]:
    table = read_table(old)
    for work in WORKS:
        line = compare(work, table, reports)
        ours = "not measured" if line.ours is None else f"{line.ours:,.0f} {line.kind}"
        factor = "" if line.factor is None else f"{line.factor:,.1f}"
        yield line.name, f"{line.old:,.0f} {line.kind}", ours, factor, line.remark


def _measured(report: Report) -> str:
    machine = report["machine"]
    return (
        f"Measured {report['measured_at'][:16]}, release {report['release']}, {machine['processor']},"
        f" {machine['cores']} cores, load average before {report['load_average']:.1f}: `{report['command']}`."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    typer.run(main)
