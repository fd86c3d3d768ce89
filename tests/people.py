"""Who and what the tests speak of: people that can sign in, shops with a machine and its device."""

from dataclasses import dataclass

from argon2 import PasswordHasher
from starlette.testclient import TestClient

from signalcraft.accounts.access import Principal
from signalcraft.accounts.models import ShopMember, User
from signalcraft.accounts.places import Place
from signalcraft.accounts.sessions import SignedIn
from signalcraft.accounts.sign_in import account_of, check_password, enter
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine, Shop

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Cheap to verify: hundreds of tests sign in. What hashing costs is tested in `tests/accounts`."""
NOWHERE = Place("", "")
"""Where the people of the tests sign in from."""


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


@dataclass(frozen=True)
class FleetFixture:
    """One shop with one machine and its claimed device."""

    shop: Shop
    machine: Machine
    device: Device


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


def sign_in(login: str, password: str = PASSWORD) -> SignedIn:
    """A session of somebody who has no second factor."""
    with unit_of_work() as session:
        account = account_of(session, login)
    proven = check_password(account, password)
    with unit_of_work() as session:
        entered = enter(session, proven, NOWHERE, now=utc_now())
    assert isinstance(entered, SignedIn)
    return entered


def bearer(gateway_client: TestClient, person: Person) -> dict[str, str]:
    """Headers of a program that is signed in as this person, for either tier."""
    answer = gateway_client.post(
        "/api/auth/login",
        json={"username": person.username, "password": person.password, "delivery": "body"},
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
