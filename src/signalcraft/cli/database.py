"""`signalcraft database`: roles of an outside server, and whether it has room for us."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.cli.lifecycle import failing_with_a_sentence, progress
from signalcraft.operations import account, connections, instance
from signalcraft.operations import database as operations
from signalcraft.operations.errors import OperationsError
from signalcraft.settings import data_dir

app = typer.Typer(
    help="The PostgreSQL that SignalCraft uses. / SignalCraft가 쓰는 PostgreSQL입니다.", no_args_is_help=True
)


@app.command()
def roles() -> None:
    """Make the roles that DATABASE_URL, _OWNER_URL and _READER_URL name. / 데이터베이스 역할을 만듭니다.

    Asks for the URL of an administrator of the server, or reads it from standard input; it is kept nowhere.
    """
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress(), create=True)
        here = instance.make()
        if here.embeds_postgres:
            raise OperationsError("The embedded server gets its roles at each `signalcraft up`.")
        operations.make_roles(here.settings, _administrator_url())
        print("The roles are there. Next: `make up`. / 역할이 준비되었습니다.")


@app.command()
def check() -> None:
    """Show the server and the connections it has for us; exit code 0 if enough. / 서버를 확인합니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        found = operations.look(instance.load().settings)
        Console().print(_table(found))
        if not found.budget.enough:
            raise typer.Exit(1)


def _administrator_url() -> str:
    prompt = "postgresql://user:password@host:5432/postgres of an administrator / 관리자 URL"
    url = str(typer.prompt(prompt, hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline()
    if not url.strip():
        raise OperationsError(
            "An administrator's URL is needed: postgresql://user:password@host:5432/postgres."
        )
    return url.strip()


def _table(found: operations.Look) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("PostgreSQL", found.version)
    table.add_row("connection / 연결", "TLS" if found.encrypted else "not encrypted / 암호화되지 않음")
    table.add_row("size / 크기", found.size)
    table.add_row("schema / 스키마", found.revision or "none / 없음")
    table.add_row("owner / 소유자", "a role of its own" if found.has_owner else "the application's role")
    for kind, (processes, each) in found.budget.wanted.items():
        table.add_row(f"connections, {kind} / 연결", f"{processes} x {each}")
    total = f"{found.budget.total} = {connections.COLOURS} colours, {connections.RESERVE} in reserve"
    table.add_row("together at most / 최대 합계", total)
    room = "as PgBouncer says" if found.budget.room is None else str(found.budget.room)
    table.add_row("room on the server / 서버 여유", room if found.budget.enough else f"[bold red]{room}[/]")
    return table
