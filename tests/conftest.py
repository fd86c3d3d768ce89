"""What the tests share: the project's own PostgreSQL and Valkey, both tiers, people."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

import signalcraft.tables
from people import FleetFixture, Person, make_fleet, make_person
from sentry_collector import Collector, collecting
from server_host import ServerHost
from signalcraft.api.app import create_app as create_api
from signalcraft.db import migrate
from signalcraft.db.engine import get_engine, get_look_engine, make_owner_engine
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.queue import make_celery
from signalcraft.realtime.connection import get_redis
from signalcraft.settings import Settings, get_settings
from system_instance import SystemInstance, system_instance

# The servers log JSON. The console that a test falls back to would draw each local variable of a traceback:
# seconds of a core, in the middle of what is tested.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--interleavings", type=int, default=300, help="how many of refreshes and thefts are played"
    )


@pytest.fixture(scope="session")
def server_host() -> Iterator[ServerHost]:
    """PostgreSQL and Valkey of an instance of its own for the whole run; they end with it."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        data, objects = Path(folder) / "data", Path(folder) / "objects"
        Path(folder).chmod(0o755)
        os.environ["SIGNALCRAFT_DATA_DIR"] = str(data)
        os.environ["OBJECT_STORE_URL"] = objects.as_uri()
        host = ServerHost()
        yield host
        host.close()


@pytest.fixture(scope="session")
def settings(server_host: ServerHost) -> Iterator[Settings]:
    """The settings of that instance, its database migrated."""
    get_settings.cache_clear()
    settings = get_settings()
    migrate.upgrade(settings)
    make_celery(settings)
    yield settings
    get_engine().dispose()
    get_look_engine().dispose()


@pytest.fixture(scope="session")
def owner_engine(settings: Settings) -> Engine:
    """Connections of the role that owns the tables."""
    return make_owner_engine(settings)


@pytest.fixture
def database(owner_engine: Engine) -> None:
    """Empty tables and an empty Redis."""
    tables = ", ".join(f'"{table.name}"' for table in signalcraft.tables.Base.metadata.sorted_tables)
    with owner_engine.begin() as connection:  # the application may not empty a table
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        connection.execute(text("INSERT INTO outbox_counter (id, last_event_id) VALUES (1, 0)"))
    get_redis().flushall()


@pytest.fixture
def admin(database: None) -> Person:
    return make_person("root-of-all", role="admin")


@pytest.fixture
def fleet(database: None) -> FleetFixture:
    return make_fleet("Ice & Co", "ESP32_MIC_0001")


@pytest.fixture
def owner(fleet: FleetFixture) -> Person:
    return make_person("owner", shops={fleet.shop.id: "store_owner"})


@pytest.fixture
def stranger(fleet: FleetFixture) -> Person:
    """Owner of another shop."""
    other = make_fleet("Another shop", "ESP32_MIC_0002")
    return make_person("stranger", shops={other.shop.id: "store_owner"})


@pytest.fixture(scope="session")
def api_app(settings: Settings) -> object:
    return create_api(settings)


@pytest.fixture
def api_client(api_app: object, database: None) -> FlaskClient:
    client: FlaskClient = api_app.test_client()  # type: ignore[attr-defined]
    return client


@pytest.fixture
def gateway_client(settings: Settings, database: None) -> Iterator[TestClient]:
    with TestClient(create_gateway(settings), headers={"X-Requested-With": "tests"}) as client:
        yield client


@pytest.fixture(scope="session")
def tracker() -> Iterator[Collector]:
    """What `running_system` reports to: errors, and a trace of each request."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def running_system(tracker: Collector) -> Iterator[SystemInstance]:
    """The whole system under PM2, freshly started; shared by the tests that look at it from outside."""
    with system_instance() as system:
        system.environment |= {"SENTRY_DSN": tracker.dsn, "SIGNALCRAFT_TRACES_SAMPLE_RATE": "1"}
        started = system.start()
        assert started.returncode == 0, started.stderr
        yield system
