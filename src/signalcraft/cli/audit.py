"""`signalcraft audit`: prove that the audit log is untouched, and take it out as a file."""

import sys
from typing import Annotated

import typer

from signalcraft.audit import service
from signalcraft.audit.chain import Head
from signalcraft.audit.export import Format, lines
from signalcraft.audit.queries import Wanted
from signalcraft.cli.local_instance import local_settings
from signalcraft.db.session import unit_of_work

app = typer.Typer(no_args_is_help=True, help="The record of who did what. / 감사 기록")


@app.command()
def verify(
    expect: Annotated[
        list[str] | None,
        typer.Option(help="A head noted earlier, NUMBER:HASH; may be given more than once."),
    ] = None,
) -> None:
    """Check that no record was changed, taken out or put in (else exit code 1). / 감사 기록을 검증합니다."""
    local_settings()
    try:
        expected = [Head.parse(text) for text in expect or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expect") from None
    with unit_of_work() as session:
        found = service.verify(session, expected)
    if found.flaw is not None:
        typer.echo(f"  BROKEN at record {found.broken_id}: {found.flaw}", err=True)
        raise typer.Exit(1)
    typer.echo(
        f"  {found.records} records, unbroken ({found.erased} without particulars). / 이상이 없습니다."
    )
    typer.echo(f"  head / 마지막  {found.head}")


@app.command()
def export(
    kind: Annotated[Format, typer.Option("--format", help="One record a line, oldest first.")] = "ndjson",
) -> None:
    """Write every record to the standard output. / 감사 기록을 내보냅니다."""
    local_settings()
    with unit_of_work() as session:
        service.record(session, "audit.exported", user_id=None, detail={"format": kind})
    with unit_of_work() as session:
        for line in lines(service.matching(session, Wanted()), kind):
            sys.stdout.write(line)
