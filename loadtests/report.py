"""The report of a load test: the same content as Markdown and as HTML, with charts in both."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

from loadtests.charts import Band, Line, chart
from loadtests.results import Outcome, Report
from loadtests.sampling import Samples

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#0f172a}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #cbd5e1;padding:.2em .6em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}.missed{color:#b91c1c}code{background:#f1f5f9}svg{max-width:100%}"
)
_MIB = 2**20

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Head and rows."""


def write(report: Report, samples: Samples, folder: Path) -> list[Path]:
    """Write `PROFILE.md`, `PROFILE.html` and `PROFILE.json`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = _charts(report, samples)
    texts = {"md": _markdown(report, charts), "html": _html(report, charts), "json": document(report)}
    written = []
    for ending, text in texts.items():
        path = folder / f"{report.profile}.{ending}"
        path.write_text(text)
        written.append(path)
    return written


def document(report: Report) -> str:
    """The report as JSON."""
    return json.dumps({**asdict(report), "held": report.held}, indent=2, ensure_ascii=False) + "\n"


def summary(report: Report) -> list[str]:
    """What stands above the tables, as lines."""
    machine = report.machine
    return [
        report.about,
        f"{report.measured_at}, release {report.release}. {machine.processor}, {machine.cores} cores,"
        f" {machine.memory_gib:g} GiB, Linux {machine.kernel}, Python {machine.python}; the generator"
        f" runs on the same cores; load average before: {report.load_average:.1f}.",
        f"Command: `{report.command}`",
        report.saturated,
    ]


def outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    """Each part of each load in a row, rounds below each other; times in ms."""
    times = ("mean ms", "median", "p95", "p99", "longest")
    head = ("", "load", "part", "done", "per s", *times, "failed", "others", "held")
    return head, [(f"{number}", *row) for number, one in enumerate(outcomes, 1) for row in rows_of(one)]


def rows_of(one: Outcome) -> Iterator[Sequence[str]]:
    """The rows of one load, without its number."""
    for part, times in one.parts.items():
        figures = (times.mean_ms, times.median_ms, times.p95_ms, times.p99_ms, times.longest_ms)
        yield _row(one, part, times.count, figures)
    if (seen := one.delivered) is not None and seen.expected:
        figures = (seen.mean_ms, seen.median_ms, seen.p95_ms, seen.p99_ms, seen.longest_ms)
        yield _row(one, "event to screen", seen.expected - seen.lost, figures)
    if (nodes := one.acknowledged) is not None:
        figures = (nodes.mean_ms, nodes.median_ms, nodes.p95_ms, nodes.p99_ms, nodes.longest_ms)
        yield _row(one, "acknowledgement", nodes.acknowledged, figures)


def _row(one: Outcome, part: str, count: int, figures: Sequence[float]) -> Sequence[str]:
    return (
        one.name, part, f"{count:,}", f"{count / one.seconds:,.1f}", *(f"{value:,.1f}" for value in figures),
        f"{one.failed + one.dropped:.2%}", f"{one.other_cores:.2f}", "yes" if one.held else "NO",
    )  # fmt: skip


def climbs_table(report: Report) -> Table:
    """Each step of each climb to the knee."""
    head = ("climb", "offered", "achieved", "p95 ms", "failed", "carried")
    rows = [
        (
            f"{climb['name']}, {climb['unit']}", f"{step['amount']:,.1f}", f"{step['achieved']:,.1f}",
            f"{step['p95_ms']:,.0f}", f"{step['failed']:.2%}", "yes" if step["carried"] else "no",
        )
        for climb in report.climbs
        for step in climb["steps"]
    ]  # fmt: skip
    return head, rows


def _usage_table(outcomes: Sequence[Outcome]) -> Table:
    things = sorted({thing for one in outcomes for thing in one.used})
    head = ("used, of its limit", *(f"{number}" for number in range(1, len(outcomes) + 1)))
    return head, [(thing, *(f"{one.used.get(thing, 0.0):.0%}" for one in outcomes)) for thing in things]


def _charts(report: Report, samples: Samples) -> list[str]:
    begin = min((one.began_s for one in report.outcomes), default=0.0)
    bands: list[Band] = [(one.began_s - begin, one.ended_s - begin, one.name) for one in report.outcomes]

    def line(section: str, name: str, scale: float = 1.0) -> Line:
        return [(at - begin, value * scale) for at, value in samples.series(section, name) if at >= begin]

    def of_processes(ending: str, scale: float) -> dict[str, Line]:
        return {
            name.removesuffix(ending): line("processes", name, scale)
            for name in samples.names("processes", ending)
            if not name.startswith(("backups", "watchdog", "scheduler"))
        }

    tiers = ("gateway", "api", "link")
    return [
        chart("Processors", "% of all", {"host": line("host", "cpu_percent"), "load generator":
              line("generator", "cpu_percent", 1 / report.machine.cores)}, bands),
        chart("Processor time of each process", "% of one core", of_processes(".cpu_percent", 1.0), bands),
        chart("Memory of each process", "MiB", of_processes(".memory_bytes", 1 / _MIB), bands),
        chart("Answers, p95", "ms", {tier: line("tiers", f"{tier}.p95_s", 1000.0) for tier in tiers}, bands),
        chart("Requests", "per s", {tier: line("tiers", f"{tier}.requests_per_s") for tier in tiers}, bands),
        chart("Database", "connections", {name: line("database", name) for name in
              ("connections", "active", "waiting_for_locks")}, bands),
        chart("Commits", "per s", {"commits": line("database", "commits_per_s")}, bands),
        chart("Queue", "analyses", {name: line("queue", key) for name, key in
              (("unfinished", "analyses"), ("messages", "messages"))}, bands),
        chart("Oldest unfinished analysis", "s", {"age": line("queue", "oldest_analysis_s")}, bands),
    ]  # fmt: skip


def _tables(report: Report) -> list[Table]:
    tables = [outcomes_table(report.outcomes)]
    if report.climbs:
        tables.insert(0, climbs_table(report))
    return [*tables, _usage_table(report.outcomes)]


def _missed(report: Report) -> list[str]:
    return [
        f"{one.name}: {what}"
        for one in report.outcomes
        for what in (*one.missed, *_checks(one))
        if not one.held
    ]


def _checks(one: Outcome) -> list[str]:
    return [f"{number} times not so: {claim}" for claim, number in one.failed_checks.items()]


def _markdown(report: Report, charts: Sequence[str]) -> str:
    parts = [f"# Load test: {report.profile}", *filter(None, summary(report))]
    if missed := _missed(report):
        title = "Beyond the knee" if report.climbs else "Did not hold"
        parts.append("\n".join([f"**{title}**", "", *(f"- {sentence}" for sentence in missed)]))
    for head, rows in _tables(report):
        lines = [f"| {' | '.join(head)} |", f"|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
    for drawing in charts:
        encoded = base64.b64encode(drawing.encode()).decode()
        parts.append(f"![chart](data:image/svg+xml;base64,{encoded})")
    return "\n\n".join(parts) + "\n"


def _html(report: Report, charts: Sequence[str]) -> str:
    title = f"Load test: {escape(report.profile)}"
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    ]
    parts.append(f"<h1>{title}</h1>")
    parts += [f"<p>{escape(line)}</p>" for line in summary(report) if line]
    if missed := _missed(report):
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in missed)
        parts.append(f'<ul class="missed">{items}</ul>')
    for head, rows in _tables(report):
        top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        parts.append(f"<table><tr>{top}</tr>{body}</table>")
    return "".join([*parts, *(f"<p>{drawing}</p>" for drawing in charts), "</html>\n"])
