"""The operator's command line: `signalcraft`. One module for each group of commands."""

import typer

from signalcraft.cli import audit, database, errors, firmware, keys, lifecycle, users
from signalcraft.cli.backup import backup, backups, restore
from signalcraft.cli.capacity import capacity
from signalcraft.cli.deploy import deploy, rollback, show_releases
from signalcraft.cli.doctor import doctor
from signalcraft.cli.evaluate import evaluate
from signalcraft.cli.journeys import journeys
from signalcraft.cli.listen import listen
from signalcraft.cli.migrate_sqlite import migrate_sqlite
from signalcraft.cli.reanalyze import reanalyze
from signalcraft.cli.replay import replay
from signalcraft.cli.service import service
from signalcraft.cli.simulate import simulate

app = typer.Typer(
    help="Hears when a refrigeration compressor is about to fail. / 냉동기 고장을 소리로 미리 알립니다.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
lifecycle.register(app)
app.command()(backup)
app.command()(backups)
app.command()(capacity)
app.command()(deploy)
app.command()(doctor)
app.command()(evaluate)
app.command()(journeys)
app.command()(listen)
app.command("migrate-sqlite")(migrate_sqlite)
app.command()(reanalyze)
app.command()(replay)
app.command("releases")(show_releases)
app.command()(restore)
app.command()(service)
app.command()(rollback)
app.command()(simulate)
app.command()(users.user)
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="database")
app.add_typer(errors.app, name="errors")
app.add_typer(firmware.app, name="firmware")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Entry point of the console script."""
    app()
