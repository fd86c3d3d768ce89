"""The server's administrator, and databases beside the one of the other tests."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from signalcraft.db.engine import get_engine, get_look_engine, get_replica_engine
from signalcraft.db.replica import get_replica
from signalcraft.settings import Settings, get_settings

Change = Callable[..., None]
Connect = Callable[[str | None], psycopg.Connection]


def forget_settings() -> None:
    """Have settings and connections made anew at the next use."""
    for engine in (get_engine(), get_look_engine(), get_replica_engine()):
        if engine is not None:
            engine.dispose()
    for cached in (get_replica, get_replica_engine, get_look_engine, get_engine, get_settings):
        cached.cache_clear()


@pytest.fixture
def change_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Change]:
    """Sets environment variables for the rest of the test: `change(DATABASE_URL=…)`."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        forget_settings()

    yield change
    monkeypatch.undo()
    forget_settings()


@pytest.fixture
def as_api(change_settings: Change) -> None:
    """This process has the share and the patience of an api process."""
    change_settings(SIGNALCRAFT_PROCESS="api")


@pytest.fixture
def superuser(settings: Settings) -> Connect:
    """Connects the superuser, through the socket."""
    port = make_url(settings.database_url.get_secret_value()).port

    def connect(database: str | None = None) -> psycopg.Connection:
        folder = settings.data_dir / "run"
        return psycopg.connect(
            host=str(folder), port=port, user="postgres", dbname=database or "postgres", autocommit=True
        )

    return connect


@pytest.fixture
def quick_recovery(superuser: Connect) -> None:
    """A crash from here on is recovered in seconds: all that the tests before have written is on disk."""
    with superuser(None) as connection:
        connection.execute("CHECKPOINT")


@pytest.fixture
def another_database(settings: Settings, superuser: Connect) -> Iterator[Settings]:
    """Settings of a database beside the usual one, which a single role owns, as in the first release."""
    with superuser(None) as connection:
        connection.execute("CREATE ROLE older LOGIN PASSWORD 'older'")
        connection.execute("CREATE DATABASE older OWNER older")
    url = make_url(settings.database_url.get_secret_value()).set(
        username="older", password="older", database="older"
    )
    yield settings.model_copy(
        update={
            "database_url": SecretStr(url.render_as_string(hide_password=False)),
            "database_owner_url": None,
            "database_reader_url": None,
        }
    )
    with superuser(None) as connection:
        connection.execute("DROP DATABASE older WITH (FORCE)")
        known = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'older%'").fetchall()
        for (role,) in known:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
