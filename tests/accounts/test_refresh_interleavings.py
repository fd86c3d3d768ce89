"""Concurrent refreshes, lost answers and thefts: no honest client signed out, every true replay caught.

`make interleavings` plays 10,000 of them.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import refresh_world
from sqlalchemy import func, select

from people import NOWHERE, Person, sign_in
from signalcraft.accounts import sessions
from signalcraft.accounts.models import AccountSession, RefreshToken, User
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work


@pytest.mark.timeout(1800)
def test_honest_clients_stay_signed_in_and_thieves_are_caught(
    admin: Person, pytestconfig: pytest.Config
) -> None:
    count = pytestconfig.getoption("--interleavings")
    with unit_of_work() as session:
        user = session.get_one(User, admin.principal.user_id)
        score = refresh_world.play(session, user, interleavings=count, seed=4, now=utc_now())
        session.rollback()
    sys.stdout.write(f"{score}\n")
    assert score.honest_signed_out == 0
    assert score.replays_caught == score.replays
    # Else nothing was tried.
    assert score.interleavings == count
    assert score.with_theft > count // 4
    assert score.replays > count // 10
    assert score.lost_answers > count


def test_requests_at_the_same_moment_get_the_same_successor(admin: Person) -> None:
    """Real transactions, really at once: the row's lock makes them take turns."""
    together = 4
    start = Barrier(together)

    def refresh(token: str) -> str | None:
        start.wait(10)
        with unit_of_work() as session:
            answer = sessions.refresh(session, token, NOWHERE, now=utc_now())
        return answer.refresh_token if answer else None

    signed_in = sign_in(admin.username)
    token = signed_in.refresh_token
    with ThreadPoolExecutor(together) as tabs:
        for _ in range(20):
            answers = set(tabs.map(refresh, [token] * together))
            assert len(answers) == 1
            [following] = answers
            assert following is not None
            token = following
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(RefreshToken)) == 21
        assert session.get_one(AccountSession, signed_in.session_id).ended_at is None


def test_a_thief_and_the_client_at_the_same_moment_do_not_both_go_on(admin: Person) -> None:
    """Of two that use an old and the newest token at once, whoever is second finds the session over."""
    start = Barrier(2)

    def refresh(token: str) -> bool:
        start.wait(10)
        with unit_of_work() as session:
            return sessions.refresh(session, token, NOWHERE, now=utc_now()) is not None

    with ThreadPoolExecutor(2) as both:
        for _ in range(10):
            signed_in = sign_in(admin.username)
            tokens = [signed_in.refresh_token]
            for _ in range(2):
                with unit_of_work() as session:
                    answer = sessions.refresh(session, tokens[-1], NOWHERE, now=utc_now())
                assert answer is not None
                tokens.append(answer.refresh_token)
            stolen, newest = tokens[0], tokens[-1]
            [thief, _] = both.map(refresh, [stolen, newest])
            assert thief is False
            with unit_of_work() as session:
                assert session.get_one(AccountSession, signed_in.session_id).end_reason == "replayed"
