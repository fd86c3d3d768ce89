"""The database as the operator sees it: roles, a look at the server, errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from signalcraft.db import roles, schema_version
from signalcraft.db.connection import has_owner, libpq_parameters, server_url
from signalcraft.db.engine import make_engine
from signalcraft.operations import connections
from signalcraft.operations.errors import OperationsError
from signalcraft.settings import Settings

_NOT_ALLOWED = "42501"

_SERVER = text(
    """
    SELECT current_setting('server_version') AS version,
           (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
           pg_size_pretty(pg_database_size(current_database())) AS size
    """
)


@dataclass(frozen=True)
class Look:
    """What `signalcraft database check` shows."""

    version: str
    encrypted: bool
    size: str
    revision: str | None
    has_owner: bool
    budget: connections.Budget


def make_roles(settings: Settings, administrator_url: str) -> None:
    """Make the roles and the database on the server that the settings name.

    Raises
    ------
    OperationsError
        The server does not answer, or the administrator may not.
    """
    url = server_url(administrator_url, settings)

    def connect(database: str | None) -> psycopg.Connection:
        parameters = libpq_parameters(url)
        return psycopg.connect(**{**parameters, "dbname": database or url.database}, autocommit=True)

    with failing_with_a_sentence():
        roles.make(connect, roles.roles_of(settings))


def look(settings: Settings) -> Look:
    """The server as the application finds it.

    Raises
    ------
    OperationsError
        It does not answer.
    """
    engine = make_engine(settings)
    with failing_with_a_sentence(), engine.connect() as connection:
        row = connection.execute(_SERVER).one()
        return Look(
            version=row.version,
            encrypted=bool(row.tls),
            size=row.size,
            revision=schema_version.current(engine),
            has_owner=has_owner(settings),
            budget=connections.budget(settings),
        )


@contextmanager
def failing_with_a_sentence() -> Iterator[None]:
    """Say what PostgreSQL refuses, and what helps, in place of a traceback."""
    try:
        yield
    except DBAPIError as error:
        raise OperationsError(_sentence(error.orig)) from error
    except psycopg.Error as error:
        raise OperationsError(_sentence(error)) from error


def _sentence(error: BaseException | None) -> str:
    reason = (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
    if getattr(error, "sqlstate", None) == _NOT_ALLOWED:
        return (
            f"PostgreSQL does not allow it: {reason}."
            " `signalcraft database roles` gives each role its rights (docs/postgresql.md)."
        )
    return f"PostgreSQL refuses: {reason}. Is DATABASE_URL right? See docs/postgresql.md."
