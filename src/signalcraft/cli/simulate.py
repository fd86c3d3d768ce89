"""`signalcraft simulate`: virtual shops, faster than real time, for the running system or as files."""

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from signalcraft.acoustics import baselines
from signalcraft.acoustics.queries import FINAL
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.cli.replay import greet
from signalcraft.cli.synthetic_folder import FolderInUseError, write
from signalcraft.cli.virtual_fleet import SHOP_CLOCK, Schedule, VirtualNode, machine_time, settle, step
from signalcraft.client import NodeClient
from signalcraft.clock import utc_now
from signalcraft.dashboards import queries
from signalcraft.db.session import unit_of_work
from signalcraft.errors import SignalCraftError
from signalcraft.simulation import Fault, Kind, VirtualMachine

console = Console()

FILES_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
"""Files say the same whenever they are made: they are synthetic, and so is their date."""
FAULT_BEGINS = 0.6
"""Share of the simulated time after which the first machine gets its fault: by then it has a baseline."""
FAULT_GROWS = 0.25
"""Share of the simulated time until the fault is grave, so that the end shows a grown fault."""
SENDERS = 4
"""Requests under way at once: more than the cores of a small host only wait for each other."""
LOOK_SECONDS = 1.0
"""How often the progress line asks the database for alarms."""
ANALYSIS_PATIENCE_SECONDS = 60.0
"""How long the end waits for the last clips to be diagnosed."""

SHOWN_VERDICTS = ("learning", "normal", "anomalous")


@dataclass(frozen=True)
class Found:
    """What the system made of one machine's sound."""

    verdicts: Counter[str]
    pending: int
    alarms: int
    baseline: str


def simulate(
    shops: Annotated[int, typer.Option(min=1, max=100, help="Virtual shops.")] = 3,
    machines_per_shop: Annotated[int, typer.Option(min=1, max=20)] = 2,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 30, help="Simulated time, ending now.")] = 24.0,
    speed: Annotated[float, typer.Option(min=0.1, max=100_000, help="Times real time.")] = 600.0,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="Another seed makes other machines.")] = 1,
    clip_minutes: Annotated[float, typer.Option(min=0.5, help="A clip this often.")] = 5.0,
    reading_seconds: Annotated[float, typer.Option(min=1.0, help="A reading this often.")] = 60.0,
    running_only: Annotated[
        bool | None,
        typer.Option(
            "--running-only/--every-state",
            help="Clips only while the compressor runs, or always; if neither is said, always to the system "
            "and only running ones to a folder.",
            show_default=False,
        ),
    ] = None,
    fault: Annotated[Kind, typer.Option(help="What grows in the first machine.")] = "bearing_wear",
    wav: Annotated[
        Path | None,
        typer.Option(
            help="Write WAV files and readings (CSV) to this folder instead of sending them; "
            "`signalcraft evaluate` reads it. There the fault grows in every machine.",
            metavar="FOLDER",
        ),
    ] = None,
    mains_hz: Annotated[int, typer.Option(help="50 or 60, of the machines' region.")] = 60,
) -> None:
    """Run virtual shops against this host's instance, labelled as synthetic. 모의 매장을 실행합니다."""
    if mains_hz not in (50, 60):
        raise typer.BadParameter("mains have 50 or 60 Hz", param_hint="--mains-hz")
    span = timedelta(hours=hours)
    end = utc_now() + span / speed if wav is None else FILES_BEGIN + span
    schedule = Schedule(
        start=end - span,
        end=end,
        reading_interval=timedelta(seconds=reading_seconds),
        clip_interval=timedelta(minutes=clip_minutes),
        running_only=wav is not None if running_only is None else running_only,
    )
    growing = _growing(schedule, fault)
    if wav is not None:
        machines = [
            VirtualMachine(_machine_seed(seed, shop, number), fault=growing, mains_hz=mains_hz)
            for shop in range(1, shops + 1)
            for number in range(1, machines_per_shop + 1)
        ]
        _write(wav, machines, schedule)
        return
    settings = local_settings()
    try:
        nodes = _settle_all(schedule, shops, machines_per_shop, seed, growing, mains_hz)
    except SignalCraftError as error:
        print(f"signalcraft: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    keys = {node.device_id: node.key for node in nodes}
    with NodeClient(public_url(settings, settings.api_port), keys=keys) as client:
        greet(client, nodes[0].device_id, console)
        reached = _run(nodes, schedule, speed, client)
    _await_analyses(nodes, schedule.start)
    _report(nodes, schedule, speed, reached, public_url(settings, settings.gateway_port))
    if any(node.refused for node in nodes):
        raise typer.Exit(1)


def _growing(schedule: Schedule, kind: Kind) -> Fault:
    span = schedule.end - schedule.start
    return Fault(
        starts_at=machine_time(schedule.start + span * FAULT_BEGINS),
        grows_over_s=(span * FAULT_GROWS).total_seconds(),
        kind=kind,
    )


def _machine_seed(seed: int, shop: int, number: int) -> int:
    """Beyond those of evaluation and tests: who looks at a simulated shop has not seen what is evaluated."""
    return 1_000_000 + seed * 10_000 + shop * 100 + number


def _write(folder: Path, machines: list[VirtualMachine], schedule: Schedule) -> None:
    try:
        with Progress(console=console) as progress:
            bar = progress.add_task("Synthetic data · 모의 데이터", total=None)

            def told(written: int, of: int) -> None:
                progress.update(bar, completed=written, total=of)

            files = write(folder, machines, schedule, told, allow_used=False)
    except FolderInUseError as used:
        typer.confirm(f"{used} Write into it, and replace files of the same name?", abort=True)
        files = write(folder, machines, schedule, lambda written, of: None, allow_used=True)
    console.print(f"{files} synthetic clips and their readings in {folder}", highlight=False)


def _settle_all(
    schedule: Schedule, shops: int, machines_per_shop: int, seed: int, growing: Fault, mains_hz: int
) -> list[VirtualNode]:
    """All nodes; the first one's machine gets the fault, the others stay healthy."""
    nodes: list[VirtualNode] = []
    for shop in range(1, shops + 1):
        for number in range(1, machines_per_shop + 1):
            with unit_of_work() as session:
                device_id, key, machine = settle(session, shop, number, seed)
            compressor = VirtualMachine(
                _machine_seed(seed, shop, number), fault=None if nodes else growing, mains_hz=mains_hz
            )
            # Nodes were not all switched on at once: their clips come one after the other.
            offset = schedule.clip_interval * len(nodes) / (shops * machines_per_shop)
            nodes.append(
                VirtualNode(device_id, key, machine.id, machine.name, compressor, schedule.start + offset)
            )
    return nodes


def _run(nodes: list[VirtualNode], schedule: Schedule, speed: float, client: NodeClient) -> float:
    """Send everything at the pace asked for, or as fast as the system takes it; the speed reached."""
    ids = [node.machine_id for node in nodes]
    span = (schedule.end - schedule.start).total_seconds()
    columns = (
        TextColumn("{task.fields[clock]}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("readings {task.fields[readings]} · clips {task.fields[clips]}"),
        TextColumn("alarms {task.fields[alarms]}"),
        TimeRemainingColumn(),
    )
    began = looked = time.monotonic()
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(SENDERS) as threads:
        bar = progress.add_task("", total=span, clock="", readings=0, clips=0, alarms=0)
        for moment in schedule.moments():
            passed = (moment - schedule.start).total_seconds()
            time.sleep(max(0.0, began + passed / speed - time.monotonic()))
            step(nodes, moment, schedule, client, threads)
            progress.update(
                bar,
                completed=passed,
                clock=f"{moment:%Y-%m-%d %H:%M} UTC",
                readings=sum(node.readings for node in nodes),
                clips=sum(node.clips for node in nodes),
            )
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                progress.update(bar, alarms=_alarms(ids, schedule.start))
        progress.update(bar, completed=span, alarms=_alarms(ids, schedule.start))
    return min(speed, span / (time.monotonic() - began))


def _alarms(machine_ids: list[int], since: datetime) -> int:
    with unit_of_work() as session:
        return sum(queries.alarm_counts(session, machine_ids, since=since).values())


def _await_analyses(nodes: list[VirtualNode], since: datetime) -> None:
    deadline = time.monotonic() + ANALYSIS_PATIENCE_SECONDS
    with console.status("The last clips are being diagnosed … / 마지막 소리를 진단하고 있습니다 …"):
        while time.monotonic() < deadline and any(
            found.pending for found in _findings(nodes, since).values()
        ):
            time.sleep(LOOK_SECONDS / 2)


def _findings(nodes: list[VirtualNode], since: datetime) -> dict[int, Found]:
    ids = [node.machine_id for node in nodes]
    with unit_of_work() as session:
        counts = queries.analysis_counts(session, ids, since=since)
        alarms = queries.alarm_counts(session, ids, since=since)
        progress = baselines.progress(session, ids)
    verdicts: dict[int, Counter[str]] = {machine_id: Counter() for machine_id in ids}
    pending = Counter[int]()
    for row in counts:
        if row["state"] in FINAL:
            verdicts[row["machine_id"]][row["verdict"] or row["state"]] += row["count"]
        else:
            pending[row["machine_id"]] += row["count"]
    return {
        machine_id: Found(
            verdicts[machine_id],
            pending[machine_id],
            alarms.get(machine_id, 0),
            _progress_text(progress[machine_id]),
        )
        for machine_id in ids
    }


def _progress_text(progress: dict[str, int | str | None]) -> str:
    if progress["state"] == "ready":
        return f"v{progress['version']}"
    return f"{progress['clips']}/{progress['needed']}"


def _report(nodes: list[VirtualNode], schedule: Schedule, speed: float, reached: float, page: str) -> None:
    findings = _findings(nodes, schedule.start)
    console.print(_table(nodes, findings))
    other = sum((found.verdicts for found in findings.values()), Counter[str]())
    for verdict in other.keys() - SHOWN_VERDICTS:
        console.print(f"{verdict}: {other[verdict]}", highlight=False)
    if pending := sum(found.pending for found in findings.values()):
        console.print(f"{pending} clips still wait for their diagnosis.", highlight=False)
    for reason, times in Counter(reason for node in nodes for reason in node.refused).most_common(5):
        console.print(f"[red]refused {times} ×[/red] {reason}", highlight=False)
    for node in nodes:
        if node.compressor.fault is not None:
            begins = datetime.fromtimestamp(node.compressor.fault.starts_at, UTC) - SHOP_CLOCK
            console.print(
                f"{node.device_id}: {node.compressor.fault.kind} from {begins:%Y-%m-%d %H:%M} UTC on",
                highlight=False,
            )
    if reached < 0.95 * speed:
        console.print(f"This host kept {reached:.0f} × real time, not {speed:g} ×.", highlight=False)
    console.print(f"Look at {page}/ · {page}/ 에서 확인하세요.", highlight=False)


def _table(nodes: list[VirtualNode], findings: dict[int, Found]) -> Table:
    table = Table(title="Synthetic data · 모의 데이터", box=None, header_style="bold")
    table.add_column("device", no_wrap=True)
    for title in ("readings", "clips", *SHOWN_VERDICTS, "alarms", "baseline"):
        table.add_column(title, justify="right", no_wrap=True)
    for node in nodes:
        found = findings[node.machine_id]
        numbers = (node.readings, node.clips, *(found.verdicts[verdict] for verdict in SHOWN_VERDICTS))
        table.add_row(node.device_id, *(str(number) for number in numbers), str(found.alarms), found.baseline)
    return table
