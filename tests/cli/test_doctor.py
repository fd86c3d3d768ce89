"""`signalcraft doctor` finds what is weak, says what to do, and is content with what is not."""

import dataclasses
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from signalcraft.cli import app
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.operations import instance
from signalcraft.operations.doctor import examine
from signalcraft.operations.instance import Instance
from signalcraft.settings import Settings, get_settings
from system_instance import free_ports


@pytest.fixture
def healthy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """The instance of the tests, on ports that nobody uses."""
    for name, port in zip(("GATEWAY", "API", "LINK"), free_ports(), strict=True):
        monkeypatch.setenv(f"SIGNALCRAFT_{name}_PORT", str(port))
    get_settings.cache_clear()
    yield instance.load()
    monkeypatch.undo()
    get_settings.cache_clear()


def with_settings(healthy: Instance, **changes: Any) -> Instance:
    return dataclasses.replace(healthy, settings=healthy.settings.model_copy(update=changes))


def dangers(examined: Instance) -> set[str]:
    return {finding.subject for finding in examine(examined) if finding.weight == "danger"}


def test_a_generated_instance_has_nothing_to_mend(healthy: Instance) -> None:
    assert dangers(healthy) == set()
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0, shown.output
    assert "SIGNALCRAFT_SMTP_URL" in shown.output


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"token_signing_key": SecretStr("c2VjcmV0")}, "SIGNALCRAFT_TOKEN_SIGNING_KEY"),
        ({"encryption_keys": SecretStr("A" * 43 + "=")}, "SIGNALCRAFT_ENCRYPTION_KEYS"),
        ({"encryption_keys": SecretStr("secret")}, "SIGNALCRAFT_ENCRYPTION_KEYS"),
        ({"redis_url": SecretStr("redis://127.0.0.1:1/0")}, "REDIS_URL"),
        ({"database_url": SecretStr("postgresql+psycopg://a:b@127.0.0.1:1/x")}, "DATABASE_URL"),
        ({"bind_address": "127.0.0.2"}, "SIGNALCRAFT_COOKIE_SECURE"),
        ({"cookie_secure": True, "public_url": "http://shop.example"}, "SIGNALCRAFT_PUBLIC_URL"),
        ({"trusted_origins": ("http://shop.example",)}, "SIGNALCRAFT_TRUSTED_ORIGINS"),
        ({"log_level": "DEBUG"}, "SIGNALCRAFT_LOG_LEVEL"),
    ],
)
def test_what_is_weak_is_named(healthy: Instance, changes: dict[str, Any], subject: str) -> None:
    assert dangers(with_settings(healthy, **changes)) == {subject}


def test_the_owner_s_rights_are_too_many_for_the_application(healthy: Instance) -> None:
    assert dangers(with_settings(healthy, database_url=healthy.settings.database_owner_url)) == {
        "DATABASE_URL"
    }


def test_a_secret_that_others_may_read_and_a_port_that_is_taken(healthy: Instance) -> None:
    file = healthy.settings.instance_file
    mode = file.stat().st_mode
    with socket.create_server(("127.0.0.1", healthy.settings.api_port)):
        file.chmod(0o644)
        try:
            found = dangers(healthy)
        finally:
            file.chmod(mode)
    assert found == {str(file), "SIGNALCRAFT_API_PORT"}


@pytest.mark.parametrize(("revision", "words"), [("0011", "older"), ("9999", "newer")])
def test_tables_of_another_release_are_named(healthy: Instance, revision: str, words: str) -> None:
    with psycopg.connect(**libpq_parameters(owner_url(healthy.settings))) as connection:
        (true,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
        connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
        connection.commit()
        try:
            found = [f for f in examine(healthy) if f.weight == "danger"]
        finally:
            connection.execute("UPDATE alembic_version SET version_num = %s", [true])
    assert [f.subject for f in found] == ["DATABASE_URL"]
    assert words in found[0].en


def test_a_full_disk_is_named(healthy: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalcraft.operations.doctor.LEAST_FREE_BYTES", 2**62)
    assert dangers(healthy) == {str(healthy.data_dir)}


def test_a_danger_or_a_setting_that_makes_no_sense_fails_the_command(
    healthy: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value, reason in (
        ("SIGNALCRAFT_LOG_LEVEL", "DEBUG", "1 to mend"),
        ("SIGNALCRAFT_RATE_LIMITS", "pigeons=1/minute", "pigeons"),
        ("SIGNALCRAFT_TRUSTED_ORIGINS", "*", "no origin"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            get_settings.cache_clear()
            shown = CliRunner().invoke(app, ["doctor"])
        assert shown.exit_code == 1
        assert reason in shown.output
