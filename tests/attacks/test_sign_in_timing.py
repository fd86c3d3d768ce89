"""Whether a name has an account is told by no answer, nor by the time it takes: both do the same work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import argon2
import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from people import PASSWORD, Person, make_person
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import NO_PASSWORD, hash_password
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work


@contextmanager
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements and password hashes of a request, in their order."""
    done: list[str] = []
    hashed = argon2.PasswordHasher.verify

    def note(*arguments: Any) -> None:
        if "outbox" not in arguments[2]:  # the feed of live events looks when it likes
            done.append(arguments[2])

    def verify(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
        done.append(stored.rpartition("$")[0].rpartition("$")[0])  # method and cost
        return bool(hashed(hasher, stored, password))

    event.listen(get_engine(), "before_cursor_execute", note)
    with monkeypatch.context() as patch:
        patch.setattr(argon2.PasswordHasher, "verify", verify)
        try:
            yield done
        finally:
            event.remove(get_engine(), "before_cursor_execute", note)


def test_a_known_and_an_unknown_name_are_the_same_work(
    gateway_client: TestClient, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspended, without = make_person("suspended"), make_person("without-password")
    with unit_of_work() as session:
        for person in (admin, suspended):  # as people have it; `people` hashes cheaply
            session.get_one(User, person.principal.user_id).password_hash = hash_password(PASSWORD)
        session.get_one(User, suspended.principal.user_id).status = "suspended"
        session.get_one(User, without.principal.user_id).password_hash = NO_PASSWORD
    seen = []
    for name, password in (
        (admin.username, "wrong"),
        ("nobody", "wrong"),
        ("nobody@shop.example", "wrong"),
        (suspended.username, PASSWORD),
        (without.username, PASSWORD),
    ):
        with work(monkeypatch) as done:
            answer = gateway_client.post("/api/auth/login", json={"username": name, "password": password})
        problem = answer.json() | {"request_id": ""}
        seen.append((answer.status_code, problem, sorted(answer.headers), done))
    assert seen[0][0] == 401
    assert sum(step.startswith("$argon2id$") for step in seen[0][3]) == 1
    assert len(seen[0][3]) > 2
    assert [other == seen[0] for other in seen[1:]] == [True] * 4
