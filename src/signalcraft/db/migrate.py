"""Run the migrations from code, under a lock, so that two starts at once do no harm."""

from pathlib import Path

from alembic import command
from alembic.config import Config

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
