"""A load test: `python -m loadtests.run --profile target` (or `make load PROFILE=target`).

Starts a fresh instance on this machine, runs the profile's loads against it one after the other, writes
`PROFILE.html`, `PROFILE.md` and `PROFILE.json`, and removes the instance. Exit code 1 where a threshold
did not hold.
"""

import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import structlog
import typer

from loadtests import report as reports
from loadtests.knee import Step, climb, knee_of
from loadtests.profiles import CLIMBS, PROFILES, Climb, Profile, soak
from loadtests.results import Machine, Outcome, Report
from loadtests.runner import Runner
from loadtests.sampling import Samples, sampling
from loadtests.saturation import first_saturated
from loadtests.stage import SHOPS, make_stage, teach
from loadtests.system import fresh_system
from signalcraft.clock import iso, utc_now

STRESS, SOAK = "stress", "soak"
STEP_SECONDS = 15
SOUNDING = ("analysis", "day")
"""Scripts that send sound: for them the machines are taught, which takes a quarter of a minute."""
NAMES = (*PROFILES, STRESS, SOAK)


def main(
    profile: Annotated[str, typer.Option(help=", ".join(NAMES))] = "smoke",
    only: Annotated[
        list[str] | None, typer.Option(help="Loads whose names begin so; all by default.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=0, max=9, help="How often each; 0: as the profile has it.")] = 0,
    shops: Annotated[float, typer.Option(min=1, help="Soak: the mixed day of so many shops.")] = 100.0,
    minutes: Annotated[float, typer.Option(min=1, max=600, help="Soak: how long.")] = 60.0,
    folder: Annotated[Path, typer.Option(help="Where the reports go.")] = Path("var/load"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure a fresh instance on this machine and remove it."""
    # Ended from outside, it takes its instance along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended before it was done."))
    # Making the stage writes hundreds of entries of the audit log, each of which would be a line here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    chosen = _chosen(profile, tuple(only or ()), shops, minutes)
    report = Report(
        profile=profile,
        about=chosen.about,
        command=shlex.join(["python", "-m", "loadtests.run", *sys.argv[1:]]),
        measured_at=str(iso(utc_now())),
        release="",
        machine=Machine.here(),
        load_average=os.getloadavg()[0],
    )
    samples = _measure(report, chosen, tuple(only or ()), rounds or chosen.rounds)
    written = reports.write(report, samples, folder)
    if json_file is not None:
        json_file.write_text(reports.document(report))
    print(report.saturated)
    print("written:", *written)
    if not report.held:
        sys.exit("Thresholds did not hold.")


def _chosen(name: str, only: Sequence[str], shops: float, minutes: float) -> Profile:
    """The profile with the loads that were asked for.

    Raises
    ------
    typer.BadParameter
        There is no such profile, or no such load in it.
    """
    if name == STRESS:
        chosen = Profile("Each load raised to the most that is carried: the knee.")
        names = [one.name for one in CLIMBS]
    elif name == SOAK:
        chosen = soak(shops, round(minutes * 60))
        names = [load.name for load in chosen.loads]
    elif name in PROFILES:
        chosen = PROFILES[name]
        names = [load.name for load in chosen.loads]
    else:
        raise typer.BadParameter(f"choose one of {', '.join(NAMES)}", param_hint="--profile")
    if only and not any(_is_asked(one, only) for one in names):
        raise typer.BadParameter(f"choose of {', '.join(names)}", param_hint="--only")
    return replace(chosen, loads=[load for load in chosen.loads if _is_asked(load.name, only)])


def _is_asked(name: str, only: Sequence[str]) -> bool:
    return not only or name.startswith(tuple(only))


def _measure(report: Report, chosen: Profile, only: Sequence[str], rounds: int) -> Samples:
    """Fill the report."""
    audience = max((load.streams for load in chosen.loads if load.script is None), default=0)
    climbs = [one for one in CLIMBS if report.profile == STRESS and _is_asked(one.name, only)]
    scripts = {load.script for load in chosen.loads} | {one.script for one in climbs}
    print("starting an instance and what the journeys need on it …", flush=True)
    with fresh_system() as system:
        stage = make_stage(system.folder, max(chosen.people, SHOPS), audience)
        if any(script in SOUNDING for script in scripts):
            teach(system, stage)
        report.release = system.settings.release
        with sampling(system) as samples:
            runner = Runner(system, stage, samples, report.machine.cores)
            report.climbs += [_climb(runner, report, one) for one in climbs]
            for load in chosen.loads:
                for _ in range(rounds):
                    _note(report, runner.run(load, flat_memory=report.profile == SOAK))
            if not climbs:
                report.saturated = first_saturated([(one.name, one.used) for one in report.outcomes])
    return samples


def _climb(runner: Runner, report: Report, what: Climb) -> dict[str, object]:
    """Raise one load to its knee; the steps and what was used up."""
    measured: list[tuple[float, Outcome]] = []

    def measure(amount: float) -> Step:
        load = replace(what.load(amount, STEP_SECONDS), name=f"{what.name} {amount:,.0f} {what.unit}")
        outcome = runner.run(load)
        _note(report, outcome)
        measured.append((amount, outcome))
        return _step(what, amount, outcome)

    steps = climb(what.first, measure)
    knee = knee_of(steps)
    in_order = sorted(measured, key=lambda pair: pair[0])
    saturated = first_saturated([(outcome.name, outcome.used) for _, outcome in in_order])
    report.saturated += f"{what.name}: knee at {knee or 0:,.0f} {what.unit}. {saturated} "
    shown = [{**asdict(step), "carried": step.carried} for step in sorted(steps, key=lambda one: one.amount)]
    return {"name": what.name, "unit": what.unit, "knee": knee, "saturated": saturated, "steps": shown}


def _step(what: Climb, amount: float, outcome: Outcome) -> Step:
    """One step of a climb: of what was offered, all was done but what failed or never began."""
    times = outcome.parts.get(what.part)
    return Step(
        amount=amount,
        achieved=amount * (1 - outcome.dropped) * (1 - outcome.failed),
        p95_ms=times.p95_ms if times else float("inf"),
        failed=outcome.failed + outcome.dropped,
        limit_ms=what.limit_ms,
    )


def _note(report: Report, outcome: Outcome) -> None:
    report.outcomes.append(outcome)
    for row in reports.rows_of(outcome):
        print(
            f"  {row[0]}, {row[1]}: {row[2]} done, {row[3]}/s, mean {row[4]} ms, median {row[5]},"
            f" p95 {row[6]}, p99 {row[7]}",
            flush=True,
        )
    for what in outcome.missed:
        print(f"    {'not held' if report.profile != STRESS else 'beyond'}: {what}", flush=True)


if __name__ == "__main__":
    typer.run(main)
