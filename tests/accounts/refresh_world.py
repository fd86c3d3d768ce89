"""A session in the hands of an honest client and perhaps a thief, played against the real service.

The honest client is a browser with several tabs: up to three requests with the same refresh token are on
their way at once, answers get lost, and it retries within seconds; it goes on to the successor when all of
them are through. A thief copies what the client holds at some moment and uses it whenever it likes. Whose
step is next is drawn from a seeded generator, so every interleaving can be played again.

`World` knows which use is a true replay by its definition alone: of a token that was used before, and whose
successor was used as well or whose first use is longer ago than the grace.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts import sessions
from signalcraft.accounts.models import User
from signalcraft.accounts.places import Place

HERE, ELSEWHERE = Place("10.0.0.1", "honest"), Place("10.9.9.9", "thief")
RETRY_WITHIN = timedelta(seconds=8)
"""The client has given up or got its answer by then; the server's grace is longer."""


@dataclass
class Score:
    """What happened in all interleavings together."""

    interleavings: int = 0
    with_theft: int = 0
    requests: int = 0
    lost_answers: int = 0
    honest_signed_out: int = 0
    replays: int = 0
    replays_caught: int = 0


@dataclass
class World:
    """One session; `chain` are its refresh tokens in their order, `used_at` when each was used first."""

    session: Session
    user: User
    random: random.Random
    score: Score
    now: datetime
    chain: list[str] = field(default_factory=list)
    used_at: dict[int, datetime] = field(default_factory=dict)
    held: int = 0
    on_their_way: int = 0
    answered: bool = False
    burst_began: datetime | None = None
    stolen: list[int] = field(default_factory=list)
    is_over: bool = False

    def play(self, steps: int) -> None:
        opened = sessions.open_session(self.session, self.user, HERE, now=self.now)
        self.chain = [opened.refresh_token]
        thieves = self.random.random() < 0.6
        for _ in range(steps):
            self._wait()
            if thieves and self.random.random() < 0.3:
                self._thief()
            elif self.on_their_way:
                self._deliver()
            else:
                self._begin()
        self.score.interleavings += 1
        self.score.with_theft += bool(self.stolen)

    def _wait(self) -> None:
        """A moment while requests are on their way, else up to an hour."""
        if self.burst_began is None:
            self.now += timedelta(seconds=self.random.choice([0.1, 3, 30, 840, 3600]))
        else:
            left = self.burst_began + RETRY_WITHIN - self.now
            self.now += left * self.random.random() * 0.5

    def _begin(self) -> None:
        self.on_their_way = self.random.choice([1, 1, 2, 3])
        self.burst_began, self.answered = self.now, False

    def _deliver(self) -> None:
        """One of the client's requests arrives; its answer may get lost."""
        self.on_their_way -= 1
        was_over = self.is_over
        following = self._use(self.held, HERE)
        if following is None:
            # Signed out, and rightly only if a copy of a token was used before.
            self.score.honest_signed_out += not was_over and not self.stolen
            self.on_their_way, self.burst_began = 0, None
            return
        if self.random.random() < 0.4:
            self.score.lost_answers += 1
        else:
            self.answered = True
        if self.on_their_way == 0:
            if self.answered:
                self.held, self.burst_began = following, None
            else:
                self.on_their_way = 1

    def _thief(self) -> None:
        if not self.stolen or self.random.random() < 0.4:
            self.stolen.append(self.held)
            return
        following = self._use(self.random.choice(self.stolen), ELSEWHERE)
        if following is not None:
            self.stolen.append(following)

    def _use(self, place_in_chain: int, place: Place) -> int | None:
        """Send a token to the service and judge the answer; the place of its successor in the chain."""
        self.score.requests += 1
        first_use = self.used_at.get(place_in_chain)
        is_replay = first_use is not None and (
            place_in_chain + 1 in self.used_at or self.now - first_use > sessions.REUSE_GRACE
        )
        answer = sessions.refresh(self.session, self.chain[place_in_chain], place, now=self.now)
        if self.is_over:
            assert answer is None, "a session that is over stays over"
            return None
        if is_replay:
            self.score.replays += 1
            self.score.replays_caught += answer is None
            self.is_over = True
            return None
        if answer is None:
            self.score.honest_signed_out += 1
            self.is_over = True
            return None
        self.used_at.setdefault(place_in_chain, self.now)
        if place_in_chain + 1 == len(self.chain):
            self.chain.append(answer.refresh_token)
        assert answer.refresh_token == self.chain[place_in_chain + 1], "every retry gets the same successor"
        return place_in_chain + 1


def play(session: Session, user: User, *, interleavings: int, seed: int, now: datetime) -> Score:
    """Play that many sessions, in one transaction that nobody needs to commit."""
    score = Score()
    for number in range(interleavings):
        drawn = random.Random(seed * 1_000_003 + number)
        World(session, user, drawn, score, now).play(steps=drawn.randint(6, 18))
        session.flush()
        session.expunge_all()
        session.add(user)
    return score
