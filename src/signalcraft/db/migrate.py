"""Run the migrations from code, under a lock, so that two starts at once do no harm."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from signalcraft.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def configuration(database_url: str) -> Config:
    """Alembic's configuration without an ini file: the URL comes from the settings alone."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Bring the database up to `revision`; does nothing when it is there already."""
    command.upgrade(configuration(settings.database_url.get_secret_value()), revision)


def head() -> str:
    """The newest revision this code knows."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migration")
    return revision


def current(engine: Engine) -> str | None:
    """The revision that the database is at."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
