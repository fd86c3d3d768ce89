"""`signalcraft deploy`, `rollback` and `releases`."""

import os
from collections.abc import Sequence
from pwd import getpwuid
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.cli.lifecycle import failing_with_a_sentence, progress
from signalcraft.operations import account, instance
from signalcraft.operations.releases import canary, command, record
from signalcraft.operations.releases.record import Deployment
from signalcraft.settings import data_dir

Steps = Annotated[
    str,
    typer.Option(
        "--canary", metavar="PERCENT,…", help="Share of the traffic that the release gets, step by step."
    ),
]
Interval = Annotated[float, typer.Option(min=1, help="Seconds that each step is watched.")]


def deploy(
    source: Annotated[
        str, typer.Argument(help="A folder with the source, a git ref of this clone, or a wheel.")
    ],
    canary_steps: Steps = "5,25,100",
    interval: Interval = canary.DEFAULT_INTERVAL_S,
) -> None:
    """Put a release in the place of what runs, without a gap; goes back by itself. / 새 버전을 배포합니다."""
    steps = _parsed(canary_steps)
    with failing_with_a_sentence():
        say, by = progress(), getpwuid(os.getuid()).pw_name
        account.become_owner(data_dir(), say)
        made = command.deploy(instance.load(), source, by, steps, interval, say)
        print(f"{made.release} runs, after {made.seconds:.0f} s. / 배포되었습니다.")


def rollback(canary_steps: Steps = "25,100", interval: Interval = canary.ROLLBACK_INTERVAL_S) -> None:
    """Put the release before this one back in its place, without a gap. / 이전 버전으로 되돌립니다."""
    steps = _parsed(canary_steps)
    with failing_with_a_sentence():
        say, by = progress(), getpwuid(os.getuid()).pw_name
        account.become_owner(data_dir(), say)
        made = command.rollback(instance.load(), by, steps, interval, say)
        print(f"{made.release} runs again, after {made.seconds:.0f} s. / 되돌렸습니다.")


def show_releases() -> None:
    """The record of deployments, oldest first. / 배포 기록입니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("began / 시작", "release", "version / 버전", "source", "by", "s", "outcome / 결과"):
            table.add_column(title)
        for made in record.deployments(instance.load()):
            table.add_row(*_row(made))
        Console().print(table)


def _row(made: Deployment) -> list[str]:
    outcome = made.outcome if made.reason is None else f"{made.outcome}: {made.reason}"
    return [
        made.began_at[:19],
        made.release,
        made.version,
        made.source,
        made.by,
        f"{made.seconds:.0f}",
        outcome,
    ]


def _parsed(steps: str) -> Sequence[int]:
    try:
        return canary.steps_of(steps)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--canary") from None
