"""Run the migrations from code, as the owner of the tables, under a lock so that two starts do no harm."""

from pathlib import Path
from time import sleep

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from signalcraft.db import failures, roles, schema_version
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.settings import Settings

log = structlog.stdlib.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK_NOT_AVAILABLE = "55P03"
LOCK_TIMEOUT_MS = 4_000
"""Waiting longer for a table lock would queue every writer behind us."""
LOCK_PAUSE_SECONDS = 2.0
LOCK_TRIES = 10
"""A migration that cannot have its lock in time steps back, so that writers pass, and tries again."""
STATEMENT_TIMEOUT_MS = 600_000


def configuration(url: URL) -> Config:
    """Alembic's configuration without an ini file: the URL comes from the settings alone."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = url
    return config


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Bring the database up to `revision`, and give the roles their rights on what is new.

    Does nothing when it is there already, or further: a release taken back works on the newer schema.
    """
    if _is_ahead(settings):
        return
    config = configuration(owner_url(settings))
    for left in reversed(range(LOCK_TRIES)):
        try:
            command.upgrade(config, revision)
            break
        except DBAPIError as error:
            if failures.sqlstate(error) != _LOCK_NOT_AVAILABLE or not left:
                raise
            log.warning("migration_waits", reason="a table is locked", tries_left=left)
        sleep(LOCK_PAUSE_SECONDS)
    with psycopg.connect(**libpq_parameters(owner_url(settings))) as connection:
        roles.grant(connection, roles.roles_of(settings))


def _is_ahead(settings: Settings) -> bool:
    """Whether a newer release has migrated the database already."""
    with psycopg.connect(**libpq_parameters(owner_url(settings))) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return False
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return row is not None and row[0] > schema_version.needed()
