"""`signalcraft evaluate`: how well a detector hears, beside reference methods on the same clips."""

import json
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.anomaly import CURRENT, BaselineError, runstate
from signalcraft.dsp import DspError
from signalcraft.evaluation import datasets, diagnosis_report, report, states, watch
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.methods import Engine, references
from signalcraft.evaluation.run import run

console = Console()


def evaluate(
    data: Annotated[
        str,
        typer.Argument(
            help="A folder (DCASE task 2, MIMII, normal_… and anomaly_… files, or a known data set), or "
            "simulator:unseen, simulator:healthy-30-days, simulator:growing-faults, simulator:states.",
            metavar="FOLDER",
        ),
    ],
    detector: Annotated[str, typer.Option(help="The detector to evaluate.")] = CURRENT,
    reference_methods: Annotated[
        bool, typer.Option("--references/--no-references", help="Run the reference methods too.")
    ] = True,
    noise: Annotated[
        Path | None, typer.Option(help="Sounds to mix in, where the data set asks for them.")
    ] = None,
    snr: Annotated[
        list[float] | None, typer.Option(help="Signal-to-noise ratio of that mix in dB; repeatable.")
    ] = None,
    contamination: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of bad clips among 60 to learn from.")
    ] = 0.0,
    report_folder: Annotated[
        Path | None, typer.Option("--report", help="Folder for report.md, report.html and pictures.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Every figure, for a program.")] = None,
) -> None:
    """Measure a detector on labelled sound and write a report. 판별 성능을 측정합니다."""
    try:
        made = _evaluate(data, detector, reference_methods, noise, tuple(snr or ()), contamination)
        if report_folder is not None:
            report.write(made, report_folder)
    except (EvaluationError, BaselineError, DspError) as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(2) from error
    _show(made)
    if report_folder is not None:
        console.print(f"report: {report_folder / 'report.html'}", highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(made), indent=1, allow_nan=False), encoding="utf-8")


def _evaluate(
    data: str,
    detector: str,
    reference_methods: bool,
    noise: Path | None,
    snr_db: tuple[float, ...],
    contamination: float,
) -> report.Report:
    engine = Engine(detector)
    about = {
        # Folders by their last name: a report may be published.
        "command": shlex.join(["signalcraft", *(Path(a).name if "/" in a else a for a in sys.argv[1:])]),
        "version": version("signalcraft"),
        "date": datetime.now(UTC).date().isoformat(),
        "detector": detector,
    }
    if data in watch.PRESETS:
        watched = list(watch.watch(data, detector))
        return report.Report(
            f"{data} (synthetic)",
            watch.PROTOCOLS[data],
            **about,
            synthetic=True,
            groups=[],
            watched=watched,
            told=[],
        )
    if data == states.PRESET:
        about["detector"] = runstate.NAME
        told = list(states.told())
        return report.Report(
            f"{data} (synthetic)", states.PROTOCOL, **about, synthetic=True, groups=[], watched=[], told=told
        )
    dataset = datasets.find(data, noise=noise, snr_db=snr_db)
    if contamination:
        dataset = datasets.with_contamination(dataset, contamination)
    with console.status("…") as status:
        groups = run(dataset, engine, references() if reference_methods else [], status.update)
    return report.Report(
        dataset.title,
        dataset.protocol,
        **about,
        synthetic=dataset.synthetic,
        groups=groups,
        watched=[],
        told=[],
    )


def _show(made: report.Report) -> None:
    table = Table(title=f"{made.title}: {made.detector}", box=None, pad_edge=False)
    header, rows = report.overview(made, intervals=False)
    for place, column in enumerate(header):
        # On a narrow screen names are shortened, figures never.
        figures = max(len(row[place]) for row in rows) if place > 1 and not made.watched else None
        table.add_column(column, min_width=figures, no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for title, columns, body in diagnosis_report.tables(made.groups, intervals=False):
        told = Table(*columns, title=title, box=None, pad_edge=False)
        for line in body:
            told.add_row(*line)
        console.print(told)
