"""Our figures beside those of the old servers, for the same work.

    .venv/bin/python -m benchmarks.compare_old BASELINE.md REPORT.json … [--json FILE]

BASELINE.md is the table of what the old servers measured; each REPORT.json is one of `loadtests.run`'s. There
is a line for each work of the table; where ours has not been measured, it says which profile does that.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

CLIENTS = (1, 15, 50)
"""The columns of the old table."""


@dataclass(frozen=True)
class Work:
    """The same work in both.

    Attributes
    ----------
    old_row : how the old table's row begins.
    kind : whether the figure is a time or a rate.
    profile, load, part : where our report has it.
    remark : in what the two differ.
    """

    name: str
    old_row: str
    kind: Literal["ms", "per s"]
    clients: int
    profile: str
    load: str
    part: str
    remark: str


WORKS: Sequence[Work] = tuple(
    Work(
        f"analysis of a 10 s clip, {clients} clients",
        row,
        "ms",
        clients,
        profile,
        load,
        "analysis",
        remark,
    )
    for clients, profile, load in ((15, "baseline", "analysis"), (50, "target", "analysis"))
    for row, remark in (
        ("analysis of a 10 s, 16 kHz clip as committed", "the old answers were all errors"),
        (
            "the same signal processing, made able to answer",
            "the old server stored nothing and judged no machine",
        ),
    )
) + tuple(
    Work(name, row, "per s", 50, "stress", load, part, remark)
    for name, row, load, part, remark in (
        (
            "sensor readings accepted",
            "sensor reading accepted",
            "readings",
            "reading",
            "the old ones were discarded",
        ),
        ("sign-ins", "sign-in, requests/s", "sign-in", "sign_in", "no old session was valid afterwards"),
    )
)


@dataclass(frozen=True)
class Line:
    """One comparison; old and ours in `kind`, factor > 1 where ours is better."""

    name: str
    kind: str
    old: float
    ours: float | None
    factor: float | None
    remark: str
    measured: str


def main(
    baseline: Annotated[Path, typer.Argument(exists=True, help="The old servers' table.")],
    reports: Annotated[list[Path], typer.Argument(exists=True, help="Reports of loadtests.run.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the lines here too.")] = None,
) -> None:
    """Print both figures and how many times better ours is."""
    old = read_table(baseline.read_text())
    found = [json.loads(report.read_text()) for report in reports]
    lines = [compare(work, old, found) for work in WORKS]
    for line in lines:
        ours = "not measured" if line.ours is None else f"{line.ours:,.0f}"
        factor = "" if line.factor is None else f"  {line.factor:,.1f} times as good"
        print(f"{line.name:<44} old {line.old:>8,.0f} {line.kind:<6} ours {ours:>12}{factor}")
        print(f"    {line.remark}; {line.measured}")
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
    if all(line.ours is None for line in lines):
        sys.exit("None of the reports has measured any of this.")


def read_table(text: str) -> dict[str, list[float]]:
    """The rows of the old table: the first number of each cell, for 1, 15 and 50 clients."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        numbers = [re.match(r"[\d,.]+", cell) for cell in cells[1:]]
        if len(cells) == len(CLIENTS) + 1 and all(numbers):
            rows[cells[0]] = [float(number[0].replace(",", "")) for number in numbers if number]
    return rows


def compare(work: Work, old: dict[str, list[float]], reports: Sequence[dict[str, Any]]) -> Line:
    """The old figure and ours: the median of a time, over rounds that of the middle one; a rate at the knee.

    Raises
    ------
    KeyError
        The old table has no such row.
    """
    row = next((numbers for name, numbers in old.items() if name.startswith(work.old_row)), None)
    if row is None:
        raise KeyError(work.old_row)
    before = row[CLIENTS.index(work.clients)]
    report = next((one for one in reports if one["profile"] == work.profile), None)
    ours = None if report is None else _figure(work, report)
    factor = None if not ours else (before / ours if work.kind == "ms" else ours / before)
    command = f"measured by loadtests.run --profile {work.profile}"
    measured = command if report is None else f"{report['measured_at']}, {report['command']}"
    return Line(work.name, work.kind, before, ours, factor, work.remark, measured)


def _figure(work: Work, report: dict[str, Any]) -> float | None:
    if work.profile == "stress":
        return next((climb["knee"] for climb in report["climbs"] if climb["name"] == work.load), None)
    rounds = sorted(
        outcome["parts"][work.part]["median_ms"]
        for outcome in report["outcomes"]
        if outcome["name"] == work.load and work.part in outcome["parts"]
    )
    return rounds[len(rounds) // 2] if rounds else None


if __name__ == "__main__":
    typer.run(main)
