"""`signalcraft deploy`, `rollback` and `releases`."""

import os
from pwd import getpwuid
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.cli.lifecycle import failing_with_a_sentence, progress
from signalcraft.operations import account, instance, releases
from signalcraft.settings import data_dir


def deploy(
    source: Annotated[str, typer.Argument(help="A folder with the source, or a git ref of this clone.")],
) -> None:
    """Build a release and put it in place of what runs; goes back by itself. / 새 버전을 배포합니다."""
    with failing_with_a_sentence():
        say, by = progress(), getpwuid(os.getuid()).pw_name
        account.become_owner(data_dir(), say)
        made = releases.deploy(instance.load(), source, by, say)
        print(f"{made.release} runs, after {made.seconds:.0f} s. / 배포되었습니다.")


def rollback() -> None:
    """Start again what ran before the latest deployment. / 이전 버전으로 되돌립니다."""
    with failing_with_a_sentence():
        say, by = progress(), getpwuid(os.getuid()).pw_name
        account.become_owner(data_dir(), say)
        made = releases.rollback(instance.load(), by, say)
        print(f"{made.release} runs again, after {made.seconds:.0f} s. / 되돌렸습니다.")


def show_releases() -> None:
    """The record of deployments, oldest first. / 배포 기록입니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("began / 시작", "release / 버전", "source", "by", "s", "outcome / 결과"):
            table.add_column(title)
        for made in releases.deployments(instance.load()):
            table.add_row(
                made.began_at[:19], made.release, made.source, made.by, str(made.seconds), made.outcome
            )
        Console().print(table)
