"""Owner, application, reader: who may do what, and how an older database gets them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

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

Connect = Callable[[str | None], psycopg.Connection]


def connect(settings: Settings, url: SecretStr | None) -> psycopg.Connection:
    parameters = libpq_parameters(server_url(secret(url), settings))
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


def test_a_database_of_one_role_gets_an_owner_and_loses_nothing(
    another_database: Settings, superuser: Connect
) -> None:
    """The first release's database; for the embedded server the superuser does it."""
    three = with_three_roles(another_database)
    roles.make(superuser, roles.roles_of(three))
    assert_nothing_lost(three)


def test_an_administrator_without_superuser_makes_the_roles(
    another_database: Settings, superuser: Connect
) -> None:
    """As on Amazon RDS, by the operator's command."""
    three = with_three_roles(another_database)
    with superuser(None) as connection:
        connection.execute("CREATE ROLE older_admin LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
        connection.execute("GRANT older TO older_admin WITH ADMIN TRUE")
    url = make_url(three.database_url.get_secret_value())
    administrator = url.set(username="older_admin", password="x", database="postgres")
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        for _ in range(2):  # done again, it is harmless
            done = subprocess.run(
                [Path(sys.prefix) / "bin" / "signalcraft", "database", "roles"],
                cwd=folder,
                env={
                    **os.environ,
                    "SIGNALCRAFT_DATA_DIR": f"{folder}/data",
                    "DATABASE_URL": three.database_url.get_secret_value(),
                    "DATABASE_OWNER_URL": secret(three.database_owner_url),
                    "DATABASE_READER_URL": secret(three.database_reader_url),
                },
                input=administrator.render_as_string(hide_password=False),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            assert "x@" not in done.stdout + done.stderr
    assert_nothing_lost(three)


def with_three_roles(one_role: Settings) -> Settings:
    """The database filled as its single role, and settings that name an owner and a reader too."""
    migrate.upgrade(one_role, "0001")
    with connect(one_role, one_role.database_url) as connection:
        connection.execute("INSERT INTO shops (name) VALUES ('kept')")
    url = make_url(one_role.database_url.get_secret_value())
    urls = {
        f"database_{kind}_url": SecretStr(
            url.set(username=f"older_{kind}").render_as_string(hide_password=False)
        )
        for kind in ("owner", "reader")
    }
    return one_role.model_copy(update=urls)


def assert_nothing_lost(three: Settings) -> None:
    with connect(three, three.database_url) as connection:
        assert connection.execute("SELECT name FROM shops").fetchall() == [("kept",)]
        connection.execute("INSERT INTO shops (name) VALUES ('new')")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DROP TABLE shops CASCADE")
    migrate.upgrade(three)
    with connect(three, three.database_owner_url) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        assert found == [(schema_version.needed(),)]
    with connect(three, three.database_reader_url) as connection:
        connection.execute("SELECT * FROM readings")


def secret(value: SecretStr | None) -> str:
    assert value is not None
    return value.get_secret_value()


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
