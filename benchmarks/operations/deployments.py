"""Deployments in a row while a crowd is at work: requests that fail, events that are lost or come twice.

    .venv/bin/python -m benchmarks.operations.deployments --times 20 --rate 100 --streams 200

It makes an instance of its own from this checkout, and deploys this checkout to it again and again.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import typer

from benchmarks.operations.crowd import Crowd, Report
from benchmarks.operations.own_instance import ROOT, own_instance
from benchmarks.stage import stage
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now

DEVICES = 50


@dataclass(frozen=True)
class Figures:
    deployments: int
    failed_deployments: int
    seconds_each: float
    """Median, building included."""
    requests: int
    requests_failed: dict[str, int]
    median_s: float
    p99_s: float
    streams: int
    streams_resumed: int
    events_each: int
    events_lost: int
    events_doubled: int


def main(
    times: Annotated[int, typer.Option(min=1, help="Deployments, one after the other.")] = 20,
    rate: Annotated[float, typer.Option(min=1, help="Requests a second.")] = 100.0,
    streams: Annotated[int, typer.Option(min=1, help="Open event streams.")] = 200,
    canary: Annotated[str, typer.Option(help="As `signalcraft deploy` takes it.")] = "5,25,100",
    interval: Annotated[float, typer.Option(min=1, help="Seconds of each step.")] = 2.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on an instance of its own."""
    with own_instance():
        settings = local_settings()
        with stage(DEVICES) as people:
            crowd = Crowd(
                people,
                public_url(settings, settings.gateway_port),
                public_url(settings, settings.api_port),
            )
            figures = asyncio.run(_measure(crowd, times, rate, streams, canary, interval))
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if figures.failed_deployments or figures.requests_failed or figures.events_lost or figures.events_doubled:
        sys.exit("Not without a gap.")


async def _measure(
    crowd: Crowd, times: int, rate: float, streams: int, canary: str, interval: float
) -> Figures:
    seconds: list[float] = []
    failed = 0
    async with crowd.at_work(rate, streams) as report:
        await asyncio.sleep(5.0)
        for number in range(times):
            began = perf_counter()
            code = await deploy(ROOT, canary, interval)
            seconds.append(perf_counter() - began)
            failed += code != 0
            print(
                f"{number + 1}/{times}: {seconds[-1]:.0f} s, exit code {code}, {report.requests} requests,"
                f" {report.failures} failed {dict(report.failed) or ''}",
                flush=True,
            )
    return _figures(report, seconds, failed, streams)


async def deploy(source: Path, canary: str, interval: float) -> int:
    """Exit code of `signalcraft deploy`."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.prefix) / "bin" / "signalcraft",
        *("deploy", str(source), "--canary", canary, "--interval", str(interval)),
        stdout=sys.stderr,
    )
    return await process.wait()


def _figures(report: Report, seconds: list[float], failed: int, streams: int) -> Figures:
    return Figures(
        deployments=len(seconds),
        failed_deployments=failed,
        seconds_each=median(seconds),
        requests=report.requests,
        requests_failed=dict(report.failed),
        median_s=report.percentile(50),
        p99_s=report.percentile(99),
        streams=streams,
        streams_resumed=report.resumed,
        events_each=report.events,
        events_lost=report.lost,
        events_doubled=report.doubled,
    )


def _print(figures: Figures) -> None:
    print(
        f"{figures.deployments} deployments, {figures.failed_deployments} failed,"
        f" {figures.seconds_each:.0f} s each"
    )
    print(
        f"{figures.requests:,} requests, failed: {figures.requests_failed or 'none'};"
        f" median {figures.median_s * 1000:.0f} ms, p99 {figures.p99_s * 1000:.0f} ms"
    )
    print(
        f"{figures.streams} streams, resumed {figures.streams_resumed} times, {figures.events_each} events"
        f" each: {figures.events_lost} lost, {figures.events_doubled} doubled"
    )


if __name__ == "__main__":
    typer.run(main)
