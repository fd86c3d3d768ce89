"""What each kind of process may take, and whether the server has it for all of them."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from signalcraft.db.connection import application_url, libpq_parameters, server_url
from signalcraft.db.engine import get_engine, make_engine
from signalcraft.db.limits import limits
from signalcraft.operations import connections
from signalcraft.operations.errors import OperationsError
from signalcraft.settings import Settings

Connect = Callable[[str | None], psycopg.Connection]
SHOW = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")


@pytest.mark.parametrize("process", ["gateway", "api", "worker", "command"])
def test_the_times_are_in_force(settings: Settings, process: str) -> None:
    own = settings.model_copy(update={"process": process})
    wanted = limits(own).session_settings
    engine = make_engine(own)
    with engine.connect() as connection:
        assert dict(connection.execute(SHOW, {"names": list(wanted)}).all()) == wanted
        name = connection.scalar(text("SELECT current_setting('application_name')"))
        assert name == f"signalcraft-{process}-blue"
    engine.dispose()


def test_the_embedded_server_has_room_for_both_colours(settings: Settings) -> None:
    found = connections.budget(settings)
    assert found.room is not None
    assert found.total <= found.room
    connections.check(settings)


def test_processes_that_could_be_refused_are_not_started(settings: Settings, superuser: Connect) -> None:
    greedy = settings.model_copy(update={"database_pool_size": 50, "database_pool_overflow": 50})
    with pytest.raises(OperationsError, match="max_connections"):
        connections.check(greedy)
    # The embedded server is given as many as they need.
    assert connections.server_limit(greedy) > connections.budget(greedy).total
    with superuser(None) as administrator:
        administrator.execute("ALTER ROLE signalcraft CONNECTION LIMIT 9")
        try:
            with pytest.raises(OperationsError, match="it has 9 for them"):
                connections.check(settings)
        finally:
            administrator.execute("ALTER ROLE signalcraft CONNECTION LIMIT -1")


def test_what_other_databases_hold_is_not_room_for_us(settings: Settings, superuser: Connect) -> None:
    before = connections.budget(settings).room
    assert before is not None
    with superuser(None), superuser(None):  # in the database of the administrators
        assert connections.budget(settings).room == before - 2


def test_migrations_do_not_go_through_a_pooler(settings: Settings) -> None:
    pooled = settings.model_copy(update={"database_pooler": True})
    connections.check(pooled)  # the owner goes straight to the server
    with pytest.raises(OperationsError, match="DATABASE_OWNER_URL"):
        connections.check(pooled.model_copy(update={"database_owner_url": None}))


def test_an_outside_server_must_prove_its_name(settings: Settings) -> None:
    outside = server_url("postgresql+psycopg://me@db.example.com/signalcraft", settings)
    assert outside.query["sslmode"] == "verify-full"
    assert outside.query["sslrootcert"]
    own = settings.model_copy(update={"database_ca_file": "/etc/rds.pem"})
    assert server_url("postgresql://me@db.example.com/x", own).query["sslrootcert"] == "/etc/rds.pem"
    said = server_url("postgresql://me@db.example.com/x?sslmode=require", settings)
    assert said.query == {"sslmode": "require"}
    assert "sslmode" not in application_url(settings).query  # the loopback


def test_the_url_may_name_several_hosts(settings: Settings) -> None:
    """The one that takes writes is found; here the first is not even there."""
    url = application_url(settings)
    several = url.set(host=None, port=None).update_query_dict(
        {
            "host": "127.0.0.1,127.0.0.1",
            "port": f"1,{url.port}",
            "target_session_attrs": "read-write",
            "sslmode": "disable",  # the embedded server has no certificate
        }
    )
    engine = make_engine(settings, several)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_user")) == url.username
    engine.dispose()
    with psycopg.connect(**libpq_parameters(several)) as plain:
        assert plain.info.port == url.port


def test_a_process_holds_no_more_than_its_share(settings: Settings, as_api: None) -> None:
    share = limits(settings, "api")
    held = [get_engine().connect() for _ in range(share.pool_size + share.pool_overflow)]
    assert get_engine().pool.overflow() == share.pool_overflow  # type: ignore[attr-defined]
    for connection in held:
        connection.close()
