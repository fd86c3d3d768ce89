"""The server's administrator, and databases beside the one of the other tests."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from signalcraft.settings import Settings

Connect = Callable[[str | None], psycopg.Connection]


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
