"""`signalcraft up`, `down`, `status` and `logs`."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.accounts.service import ensure_administrator
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.operations import account, instance, lifecycle, logs
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.probe_shop import prepare
from signalcraft.operations.releases import interrupted
from signalcraft.operations.status import ProcessStatus
from signalcraft.operations.status import status as process_statuses
from signalcraft.settings import data_dir

_MEGABYTE = 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (up, down, status, show_logs):
        app.command(name=command.__name__.removeprefix("show_"))(command)


def up() -> None:
    """Start everything that does not run yet, and wait until it is ready. / 시스템을 시작합니다."""
    with failing_with_a_sentence():
        say, began = progress(), time.monotonic()
        account.become_owner(data_dir(), say, create=True)
        here = instance.make()
        lifecycle.hand_over(here)
        interrupted.look_after(here, say)
        lifecycle.up(here, say)
        with unit_of_work() as session:
            password = ensure_administrator(session)
        with unit_of_work() as session:
            prepare(session, here.settings)
        get_engine().dispose()
        print(f"\nSignalCraft is ready after {time.monotonic() - began:.0f} s. / 준비되었습니다.")
        print(f"  {lifecycle.public_url(here)}")
        if password:
            print(f"  user / 사용자     admin\n  password / 비밀번호  {password}")
            print("  The password is shown this once. / 비밀번호는 지금 한 번만 표시됩니다.")


def down() -> None:
    """Stop everything of this instance. / 시스템을 종료합니다."""
    with failing_with_a_sentence():
        say = progress()
        if not instance.exists():
            print("Nothing runs: this instance was never started. / 실행 중인 것이 없습니다.")
            return
        account.become_owner(data_dir(), say)
        lifecycle.down(instance.load(), say)
        print("SignalCraft is stopped. / 종료되었습니다.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs, as one JSON document.")] = False,
) -> None:
    """State, memory, restarts, port, version; exit code 0 if all are online. / 상태를 표시합니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        rows = process_statuses(instance.load())
        well = all(row.well for row in rows)
        if as_json:
            total = sum(row.memory_bytes for row in rows)
            document = {"online": well, "memory_bytes": total, "processes": [asdict(row) for row in rows]}
            print(json.dumps(document, indent=2))
        else:
            Console().print(_table(rows))
        if not well:
            raise typer.Exit(1)


def show_logs(
    process: Annotated[
        str | None, typer.Argument(help="Only this process, as `signalcraft status` names it.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with new lines as they come.")
    ] = False,
    count: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the newest lines.")] = 50,
) -> None:
    """The logs of all processes as one stream in the order of time. / 로그를 표시합니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        folder = instance.load().logs_dir
        known = logs.names(folder)
        if process is not None and process not in known:
            raise OperationsError(
                f"There is no log of `{process}`. There are: {', '.join(known) or 'none yet'}."
            )
        chosen = [process] if process else known
        for line in logs.tail(folder, chosen, count):
            print(logs.render(line))
        if follow:
            for line in logs.follow(folder, chosen):
                print(logs.render(line), flush=True)


def progress() -> Callable[[str], None]:
    """Prints each step with the seconds since the first."""
    began = time.monotonic()
    return lambda text: print(f"{time.monotonic() - began:5.1f} s  {text}", file=sys.stderr, flush=True)


@contextmanager
def failing_with_a_sentence() -> Iterator[None]:
    """End the command with what went wrong, in place of a traceback."""
    try:
        yield
    except OperationsError as error:
        print(f"signalcraft: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _table(rows: list[ProcessStatus]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("process", "state", "version"):
        table.add_column(title, no_wrap=True)
    for title in ("pid", "port", "restarts", "uptime", "memory"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            row.state if row.well else f"[bold red]{row.state}[/]",
            row.version,
            str(row.pid or ""),
            str(row.port or ""),
            str(row.restarts),
            _duration(row.uptime_seconds),
            f"{row.memory_bytes / _MEGABYTE:.0f} MB",
        )
    table.add_section()
    table.add_row(
        "all", "", "", "", "", "", "", f"{sum(row.memory_bytes for row in rows) / _MEGABYTE:.0f} MB"
    )
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"
