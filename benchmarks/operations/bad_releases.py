"""Releases that must not stay: each goes back by itself, and hardly anybody meets it.

    .venv/bin/python -m benchmarks.operations.bad_releases --rate 100

It makes an instance of its own from this checkout, and deploys copies of this checkout that were spoilt.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.operations.crowd import Crowd, Report
from benchmarks.operations.deployments import DEVICES, deploy
from benchmarks.operations.own_instance import ROOT, own_instance
from benchmarks.stage import stage
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.operations import instance
from signalcraft.operations.releases import record

AT_LEAST_S, AIM_S = 60.0, 30.0
AT_LEAST_SHARE = 0.001


@dataclass(frozen=True)
class Spoilt:
    """A release that is bad in one place: there `right` was replaced by `wrong`."""

    name: str
    file: str
    right: str
    wrong: str


SPOILT = (
    Spoilt(
        "fails to start",
        "src/signalcraft/api/app.py",
        "    settings = settings or get_settings()\n",
        '    raise RuntimeError("spoilt")\n',
    ),
    Spoilt(
        "fails its journeys",
        "src/signalcraft/api/blueprints/dashboard.py",
        "    person = principal()\n    return json_answer(read(lambda session: service.overview(",
        '    raise RuntimeError("spoilt")\n    return json_answer(read(lambda session: service.overview(',
    ),
    # No journey asks for it, one in ten of the crowd does.
    Spoilt(
        "throws errors under canary",
        "src/signalcraft/gateway/routes/notifications.py",
        '    """What people were told, newest first."""\n',
        '    raise RuntimeError("spoilt")\n',
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one spoilt release."""

    outcome: str
    reason: str
    back_s: float
    """From its first process started to the former release alone, as the record says without the building."""
    requests: int
    failed: int

    @property
    def share(self) -> float:
        """Of the requests that failed while it was there."""
        return self.failed / max(1, self.requests)

    @property
    def bad(self) -> bool:
        return (
            self.outcome != "rolled back by itself"
            or self.back_s > AT_LEAST_S
            or self.share >= AT_LEAST_SHARE
        )


def main(
    rate: Annotated[float, typer.Option(min=1, help="Requests a second.")] = 100.0,
    streams: Annotated[int, typer.Option(min=1, help="Open event streams.")] = 50,
    canary: Annotated[str, typer.Option(help="As `signalcraft deploy` takes it.")] = "5,25,100",
    interval: Annotated[float, typer.Option(min=1, help="Seconds of each step.")] = 10.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on an instance of its own."""
    with own_instance(), stage(DEVICES) as people:
        settings = local_settings()
        crowd = Crowd(
            people, public_url(settings, settings.gateway_port), public_url(settings, settings.api_port)
        )
        found, report = asyncio.run(_measure(crowd, rate, streams, canary, interval))
    for name, outcome in found.items():
        print(
            f"{name}: {outcome.outcome} in {outcome.back_s:.0f} s (at most {AT_LEAST_S:.0f}, aim"
            f" {AIM_S:.0f}); {outcome.failed} of {outcome.requests:,} requests failed ({outcome.share:.3%})."
            f" {outcome.reason}"
        )
    print(f"events: {report.events} for each stream, {report.lost} lost, {report.doubled} doubled")
    if json_file is not None:
        figures = {name: asdict(outcome) for name, outcome in found.items()}
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **figures}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if any(outcome.bad for outcome in found.values()):
        sys.exit("A bad release stayed too long, or too many met it.")


async def _measure(
    crowd: Crowd, rate: float, streams: int, canary: str, interval: float
) -> tuple[dict[str, Outcome], Report]:
    found = {}
    async with crowd.at_work(rate, streams) as report:
        await asyncio.sleep(5.0)
        for spoilt in SPOILT:
            sent, failed = report.requests, report.failures
            with _source_of(spoilt) as source:
                await deploy(source, canary, interval)
            await asyncio.sleep(2.0)  # for what is under way
            found[spoilt.name] = _outcome(report.requests - sent, report.failures - failed)
            print(f"{spoilt.name}: {found[spoilt.name]}", flush=True)
    return found, report


def _outcome(requests: int, failed: int) -> Outcome:
    made = record.deployments(instance.load())[-1]
    return Outcome(made.outcome, made.reason or "", made.seconds - made.build_seconds, requests, failed)


@contextmanager
def _source_of(spoilt: Spoilt) -> Iterator[Path]:
    """A copy of this checkout with the one place changed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # where root runs this, the instance is another account's
        source = Path(folder, "source")
        left_out = shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, source, ignore=left_out, symlinks=True)
        file = source / spoilt.file
        text = file.read_text(encoding="utf-8")
        if text.count(spoilt.right) != 1:
            sys.exit(f"{spoilt.file} has changed: `{spoilt.name}` has to be spoilt in another way.")
        file.write_text(text.replace(spoilt.right, spoilt.wrong), encoding="utf-8")
        yield source


if __name__ == "__main__":
    typer.run(main)
