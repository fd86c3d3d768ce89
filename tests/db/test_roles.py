"""Owner, application, reader: who may do what, and how an older database gets them."""

from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

import signalcraft.tables
from people import Person
from signalcraft.db import migrate, roles, schema_version
from signalcraft.db.connection import libpq_parameters, owner_url, server_url
from signalcraft.db.session import unit_of_work
from signalcraft.settings import Settings, get_settings


def connect(settings: Settings, url: SecretStr | None) -> psycopg.Connection:
    assert url is not None
    parameters = libpq_parameters(server_url(url.get_secret_value(), settings))
    return psycopg.connect(**parameters, autocommit=True)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE readings",
        "TRUNCATE readings",
        "ALTER TABLE users ADD COLUMN x int",
        "CREATE TABLE mine (x int)",
        "UPDATE alembic_version SET version_num = '0000'",
        "SET ROLE signalcraft_owner",
        "DROP DATABASE signalcraft",
    ],
)
def test_the_application_changes_no_table(settings: Settings, statement: str) -> None:
    with connect(settings, settings.database_url) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement)
    assert refused.value.sqlstate == "42501"


def test_the_reader_sees_machines_but_no_person(settings: Settings, admin: Person) -> None:
    with connect(settings, settings.database_reader_url) as connection:
        for table in roles.READABLE:
            connection.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(table)))
        for table in roles.HIDDEN:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        connection.execute("SET default_transaction_read_only = off")  # not what holds it back
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("INSERT INTO shops (name) VALUES ('mine')")


def test_every_table_is_either_readable_or_hidden() -> None:
    named = [*roles.READABLE, *roles.HIDDEN]
    tables = {table.name for table in signalcraft.tables.Base.metadata.sorted_tables} | {"alembic_version"}
    assert sorted(named) == sorted(tables)


def test_no_password_reaches_the_server_in_clear() -> None:
    assert "hunter2" not in roles.scram_verifier("hunter2")


@pytest.mark.parametrize("administrator", ["postgres", "older_admin"])
def test_a_database_of_one_role_gets_an_owner_and_loses_nothing(
    another_database: Settings, superuser: Any, administrator: str
) -> None:
    """The first release's database, its administrator a superuser or, as with Amazon RDS, none."""
    migrate.upgrade(another_database, "0001")
    with connect(another_database, another_database.database_url) as connection:
        connection.execute("INSERT INTO shops (name) VALUES ('kept')")
    with superuser(None) as connection:
        if administrator != "postgres":
            connection.execute(f"CREATE ROLE {administrator} LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
            connection.execute(f"GRANT older TO {administrator} WITH ADMIN TRUE")
    mine = make_url(another_database.database_url.get_secret_value())
    three = another_database.model_copy(
        update={
            f"database_{kind}_url": SecretStr(
                mine.set(username=f"older_{kind}").render_as_string(hide_password=False)
            )
            for kind in ("owner", "reader")
        }
    )

    def connect_administrator(database: str | None) -> psycopg.Connection:
        if administrator == "postgres":
            return superuser(database)
        as_admin = mine.set(username=administrator, password="x", database=database or "postgres")
        return psycopg.connect(**libpq_parameters(as_admin), autocommit=True)

    for _ in range(2):  # done again, it is harmless
        roles.make(connect_administrator, roles.roles_of(three))
    with connect(three, three.database_url) as connection:
        assert connection.execute("SELECT name FROM shops").fetchall() == [("kept",)]
        connection.execute("INSERT INTO shops (name) VALUES ('new')")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DROP TABLE shops CASCADE")
    migrate.upgrade(three)
    with connect(three, three.database_owner_url) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        assert found == [(schema_version.needed(),)]
    assert owner_url(three).username == "older_owner"


def test_roles_of_the_embedded_server_are_not_used_on_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://me:secret@elsewhere/signalcraft")
    get_settings.cache_clear()
    try:
        assert get_settings().database_owner_url is None
        assert owner_url(get_settings()).host == "elsewhere"
    finally:
        get_settings.cache_clear()


def test_the_application_has_a_day_of_readings_made_for_it(database: None) -> None:
    with unit_of_work() as session:
        session.execute(text("SELECT make_readings_day('2040-01-01')"))
        assert session.scalar(text("SELECT count(*) FROM pg_class WHERE relname = 'readings_20400101'")) == 1
        session.rollback()
