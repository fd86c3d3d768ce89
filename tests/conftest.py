"""What the tests share: the project's own PostgreSQL and Valkey, both tiers, people."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from starlette.testclient import TestClient

import signalcraft.tables
from signalcraft.accounts.access import Principal
from signalcraft.accounts.models import ShopMember, User
from signalcraft.accounts.passwords import hash_password
from signalcraft.api.app import create_app as create_api
from signalcraft.db import migrate
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.queue import make_celery
from signalcraft.realtime.connection import get_redis
from signalcraft.settings import Settings, get_settings
from system_instance import SystemInstance, system_instance

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = hash_password(PASSWORD)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """An instance of its own for the whole run, migrated; its servers end with it."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        data, objects = Path(folder) / "data", Path(folder) / "objects"
        Path(folder).chmod(0o755)
        os.environ["SIGNALCRAFT_DATA_DIR"] = str(data)
        os.environ["OBJECT_STORE_URL"] = objects.as_uri()
        servers = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("servers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert servers.stdout is not None
        assert servers.stdout.readline().strip() == "ready"
        get_settings.cache_clear()
        settings = get_settings()
        migrate.upgrade(settings)
        make_celery(settings)
        yield settings
        get_engine().dispose()
        servers.communicate()
        servers.stdout.close()


@pytest.fixture
def database(settings: Settings) -> None:
    """Empty tables and an empty Redis."""
    tables = ", ".join(f'"{table.name}"' for table in signalcraft.tables.Base.metadata.sorted_tables)
    with get_engine().begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        connection.execute(text("INSERT INTO outbox_counter (id, last_event_id) VALUES (1, 0)"))
    get_redis().flushall()


@dataclass(frozen=True)
class Person:
    """A user of the tests: how they sign in, and who they are to the services."""

    username: str
    password: str
    principal: Principal


def make_person(username: str, *, role: str = "user", shops: dict[int, str] | None = None) -> Person:
    with unit_of_work() as session:
        user = User(username=username, full_name=username.title(), role=role, password_hash=PASSWORD_HASH)
        session.add(user)
        session.flush()
        for shop_id, shop_role in (shops or {}).items():
            session.add(ShopMember(user_id=user.id, shop_id=shop_id, role=shop_role))
    return Person(username, PASSWORD, Principal(user.id, username, role, shops or {}))


@pytest.fixture
def admin(database: None) -> Person:
    return make_person("root-of-all", role="admin")


@dataclass(frozen=True)
class FleetFixture:
    """One shop with one machine and its claimed device."""

    shop: Shop
    machine: Machine
    device: Device


@pytest.fixture
def fleet(database: None) -> FleetFixture:
    return make_fleet("Ice & Co", "ESP32_MIC_0001")


def make_fleet(shop_name: str, device_id: str) -> FleetFixture:
    with unit_of_work() as session:
        shop = Shop(name=shop_name)
        session.add(shop)
        session.flush()
        machine = Machine(name="Freezer 1", shop_id=shop.id)
        session.add(machine)
        session.flush()
        device = Device(device_id=device_id, machine_id=machine.id)
        session.add(device)
        session.flush()
        session.refresh(machine)
        session.refresh(device)
    return FleetFixture(shop, machine, device)


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


def bearer(gateway_client: TestClient, person: Person) -> dict[str, str]:
    """Headers of a program that is signed in as this person, for either tier."""
    answer = gateway_client.post(
        "/api/auth/login",
        json={"username": person.username, "password": person.password, "delivery": "body"},
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="session")
def running_system() -> Iterator[SystemInstance]:
    """The whole system under PM2, freshly started; shared by the tests that look at it from outside."""
    with system_instance() as system:
        started = system.start()
        assert started.returncode == 0, started.stderr
        yield system
