"""`signalcraft journeys`: what people and nodes do, tried now."""

from typing import Annotated

import typer

from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.db.session import unit_of_work
from signalcraft.operations.probe_shop import prepare
from signalcraft.systemtest import run


def journeys(
    url: Annotated[
        str | None, typer.Option(help="Where to; this instance's own public port if left out.")
    ] = None,
) -> None:
    """Try what people and nodes do; exit code 1 where something fails. / 주요 동작을 점검합니다."""
    settings = local_settings()
    with unit_of_work() as session:
        visitors = prepare(session, settings)
    results = run(url or public_url(settings, settings.gateway_port), visitors)
    for result in results:
        word = "well / 정상" if result.ok else f"failed / 실패: {result.detail}"
        typer.echo(f"  {result.name:<10} {result.seconds:6.2f} s  {word}")
    if not all(result.ok for result in results):
        raise typer.Exit(1)
