"""`signalcraft reanalyze`: judge stored sound anew by what is known today."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from signalcraft.acoustics import reanalysis
from signalcraft.cli.local_instance import local_settings
from signalcraft.errors import SignalCraftError

console = Console()


def reanalyze(
    machine: Annotated[
        int | None, typer.Option(min=1, help="Number of one machine; all if left out.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Only sound heard since then (UTC).",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Judge stored sound anew; former results are kept. 저장된 소리를 다시 분석합니다(이전 결과는 남음)."""
    local_settings()
    moment = None if since is None else since.replace(tzinfo=UTC)
    found = reanalysis.machines(machine)
    if not found:
        console.print("[red]There is no such machine. / 그런 기계가 없습니다.[/red]")
        raise typer.Exit(1)
    for machine_id, name in found:
        report = reanalysis.Report()
        steps = reanalysis.reanalyse(
            machine_id, since=moment, dry_run=dry_run, reason="reanalyze", report=report
        )
        total = 2 * reanalysis.count(machine_id, moment)
        try:
            for _ in track(steps, description=f"{machine_id} {name}", total=total, console=console):
                pass
        except SignalCraftError as error:
            console.print(f"[red]{error.detail}[/red]", highlight=False)
            raise typer.Exit(1) from None
        _tell(report, dry_run=dry_run)


def _tell(report: reanalysis.Report, *, dry_run: bool) -> None:
    would = "would change / 바뀔" if dry_run else "changed / 바뀐"
    console.print(
        f"  {report.clips} clips / 녹음, {report.changed} {would} 결과,"
        f" {report.unreadable} without readable sound / 소리 없음,"
        f" {report.baselines} baselines learned / 새로 배운 기준"
    )
    if report.baselines_unreadable:
        console.print(
            f"  {report.baselines_unreadable} stored baselines were made by another build and cannot be read:"
            " they judge no more / 다른 빌드가 만들어 읽을 수 없는 기준은 더 이상 쓰지 않음"
        )
    for (before, after), count in report.changes.most_common():
        console.print(f"    {before} -> {after}: {count}", highlight=False)
