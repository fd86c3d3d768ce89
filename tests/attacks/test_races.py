"""What is good once is good once, also for those who come at the same moment."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from people import FleetFixture, Person, make_person
from signalcraft.accounts import invitations, one_time_tokens
from signalcraft.accounts.models import User
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import SignalCraftError
from signalcraft.fleet import claims
from signalcraft.fleet.admission import Caller

AT_ONCE = 4
OPEN_SECONDS = 0.1
"""Each holds its transaction open after its work, so that the others come before it is committed."""


def successes(attempts: list[Callable[[Session], object]]) -> int:
    """How many of those that come at the same moment get what they want; the others are refused."""
    barrier = threading.Barrier(len(attempts))

    def attempt(work: Callable[[Session], object]) -> bool:
        barrier.wait()
        try:
            with unit_of_work() as session:
                work(session)
                time.sleep(OPEN_SECONDS)
        except SignalCraftError:
            return False
        return True

    with ThreadPoolExecutor(len(attempts)) as pool:
        return sum(pool.map(attempt, attempts))


def count(statement: str) -> int:
    with unit_of_work() as session:
        return int(session.scalar(text(statement)) or 0)


@pytest.mark.parametrize("purpose", ["register", "reset_password", "change_email"])
def test_a_link_opens_once(database: None, purpose: one_time_tokens.Purpose) -> None:
    with unit_of_work() as session:
        token = one_time_tokens.issue(
            session, purpose, email="a@shop.example", user_id=None, now=utc_now() - timedelta(seconds=1)
        )

    def take(session: Session) -> None:
        one_time_tokens.take(session, token, frozenset({purpose}), now=utc_now())

    assert successes([take] * AT_ONCE) == 1


def test_an_invitation_is_accepted_once(owner: Person, fleet: FleetFixture) -> None:
    guest = make_person("guest")
    with unit_of_work() as session:
        session.get_one(User, guest.principal.user_id).email = "guest@shop.example"
    token = one_time_tokens.new_token()
    with unit_of_work() as session:
        made = invitations.invite(
            session,
            owner.principal,
            fleet.shop.id,
            email="guest@shop.example",
            role="viewer",
            member_until=None,
            language="en",
        )
        made.token_hash = one_time_tokens.token_hash(token)
    accept = [lambda session: invitations.accept(session, guest.principal, token)] * AT_ONCE
    assert successes(list(accept)) == 1
    assert count("SELECT count(*) FROM audit_records WHERE action = 'invitation.accepted'") == 1


def test_a_claim_code_makes_one_node_a_machine(owner: Person, fleet: FleetFixture) -> None:
    with unit_of_work() as session:
        _, code = claims.make_code(session, owner.principal, shop_id=fleet.shop.id, machine_name="Freezer 9")
    before = count("SELECT count(*) FROM machines WHERE shop_id IS NOT NULL")

    def claim(device_id: str) -> Callable[[Session], object]:
        return lambda session: claims.claim(session, Caller(device_id, None, "192.0.2.10"), code)

    assert successes([claim(f"NODE-{number}") for number in range(AT_ONCE)]) == 1
    assert count("SELECT count(*) FROM machines WHERE shop_id IS NOT NULL") == before + 1
    assert count("SELECT count(*) FROM device_keys") == 1
