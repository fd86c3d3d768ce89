"""`signalcraft migrate-sqlite`: the old server's SQLite files into this instance's PostgreSQL."""

import os
import pwd
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from signalcraft.bilingual import Text
from signalcraft.cli.lifecycle import progress
from signalcraft.cli.local_instance import local_settings
from signalcraft.clock import utc_now
from signalcraft.migration import backup, follow, report, run
from signalcraft.migration.errors import MigrationError
from signalcraft.operations import account
from signalcraft.operations.errors import OperationsError
from signalcraft.settings import Settings, data_dir

console = Console()
NOT_POSSIBLE = 2
DOES_NOT_ADD_UP = 1


class _Bars:
    """A bar for each stage, with rows a second and the time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: int | None = None

    def stage(self, title: Text, total: int | None) -> None:
        self.end()
        self._task = self._progress.add_task(f"{title.ko} / {title.en}", total=total, rate="")

    def advance(self, rows: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, rows)  # type: ignore[arg-type]
            speed = self._progress.tasks[-1].speed
            self._progress.update(self._task, rate=f"{speed:,.0f} rows/s" if speed else "")  # type: ignore[arg-type]

    def end(self) -> None:
        if self._task is not None:
            task = self._progress.tasks[-1]
            done = task.total if task.total is not None else 1
            self._progress.update(self._task, total=done, completed=done)  # type: ignore[arg-type]


def migrate_sqlite(
    folder: Annotated[Path, typer.Argument(help="Where the old files are; folders in it are searched too.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Back up and look only; print the plan.")
    ] = False,
    verify_backup: Annotated[
        bool,
        typer.Option("--verify-backup", help="FOLDER is a backup: compare it with its manifest, and end."),
    ] = False,
    zone: Annotated[
        str, typer.Option(help="Zone of the old server's local times, such as Asia/Seoul.")
    ] = "UTC",
    jobs: Annotated[int, typer.Option(min=1, max=32, help="Processes that work side by side.")] = min(
        4, os.cpu_count() or 1
    ),
    every: Annotated[
        float,
        typer.Option("--follow", min=0, help="Go on bringing what is new every so many seconds (0: once)."),
    ] = 0.0,
    cutover: Annotated[
        bool,
        typer.Option("--cutover", help="The last run, the old server being stopped: says when to switch."),
    ] = False,
    backup_folder: Annotated[
        Path | None, typer.Option(help="Where backups and reports go; else `migration` in the data folder.")
    ] = None,
    lock_wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a file that a writer has locked.")
    ] = backup.LOCK_WAIT_SECONDS,
) -> None:
    """Move the old SQLite files to PostgreSQL, and prove it. / 옛 SQLite 파일을 빠짐없이 옮깁니다."""
    try:
        # Root would leave files in the store of sound that the running system may not touch.
        account.become_owner(data_dir(), progress())
        _require_readable(folder)
        if verify_backup:
            _show_backup(backup.verify(folder))
            return
        settings = local_settings()
        target = backup_folder or settings.data_dir / "migration"
        options = run.Options(
            folder=folder.absolute(),
            target=target / f"{utc_now():%Y%m%dT%H%M%SZ}",
            zone=ZoneInfo(zone),
            zone_name=zone,
            jobs=jobs,
            cutover=cutover,
            lock_wait_seconds=lock_wait,
        )
        if dry_run:
            with _progress() as shown:
                plan = run.prepare_backup(options, _Bars(shown))
            for language in ("ko", "en"):
                print(report.plan_text(plan, language))
            console.print(f"backup / 백업: {options.target}", highlight=False, soft_wrap=True)
            raise typer.Exit(DOES_NOT_ADD_UP if plan.refused else 0)
        _migrate(settings, options, every)
    except OperationsError as error:
        _fail(str(error))
    except ZoneInfoNotFoundError:
        _fail(f"There is no time zone {zone}; Asia/Seoul is one.")
    except MigrationError as error:
        _fail(str(error))


def _migrate(settings: Settings, options: run.Options, every: float) -> None:
    if options.cutover:
        # Seconds while the old server stands still; the comparison of everything follows after the switch.
        quick = replace(options, tail_only=True, verify_all=False)
        _say_cutover(options, _pass(settings, quick))
        options = replace(options, target=options.target.with_name(f"{options.target.name}-full"))
    while True:
        _pass(settings, options)
        if not every:
            return
        time.sleep(every)
        options = follow.next_pass(options, utc_now())


def _pass(settings: Settings, options: run.Options) -> run.Result:
    """One run with its report; ends the command if it does not add up."""
    with _progress() as shown:
        bars = _Bars(shown)
        result = run.migrate(settings, options, bars)
        bars.end()
    report.write(result, options.target)
    said = report.verdict(result)
    colour = "green" if result.adds_up else "red"
    console.print(f"[{colour}]{said.ko}\n{said.en}[/{colour}]", highlight=False, soft_wrap=True)
    console.print(f"report / 보고서: {options.target / 'report.html'}", highlight=False, soft_wrap=True)
    if not result.adds_up:
        raise typer.Exit(DOES_NOT_ADD_UP)
    return result


def _say_cutover(options: run.Options, result: run.Result) -> None:
    written = follow.written_since(options.folder, result.plan.backup)
    if written:
        names = ", ".join(written)
        _fail(
            f"The old server has written to {names} since the backup of this run: stop it, then run "
            "--cutover again."
        )
    console.print(
        "전환해도 됩니다: 모든 것이 옮겨졌고 옛 파일은 그 뒤로 바뀌지 않았습니다. 전체 대조가 이어집니다.\n"
        "Switch now: everything is here and the old files have not changed since. "
        "The comparison of everything goes on.",
        highlight=False,
    )


def _require_readable(folder: Path) -> None:
    """Say who has to be let in, before the first file is missing for it."""
    for path in (folder, *folder.rglob("*")) if os.access(folder, os.R_OK | os.X_OK) else (folder,):
        wanted = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
        if path.exists() and not os.access(path, wanted):
            name = pwd.getpwuid(os.geteuid()).pw_name
            raise MigrationError(f"The account {name}, which the system runs as, may not read {path}.")


def _show_backup(found: backup.Backup) -> None:
    for copy in found.copies:
        print(f"  {copy.sha256}  {copy.copy}  ({copy.source})")
    print(f"{len(found.copies)} copies as the manifest says. / 사본 {len(found.copies)}개가 목록과 같습니다.")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _fail(sentence: str) -> None:
    console.print(f"[red]{sentence}[/red]", highlight=False, soft_wrap=True)
    raise typer.Exit(NOT_POSSIBLE)
