"""Puts this release, which another one has built, in the place of the one that runs.

    python -m signalcraft.operations.releases.activate ORDER

ORDER is a JSON object (`order.py`). Whatever goes wrong on the way, a signal too, traffic goes back at once
to the release that ran, and this one is stopped. Where this program is killed, `interrupted` does that.
"""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from signalcraft.clock import utc_now
from signalcraft.db import migrate
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.operations import (
    announce,
    colours,
    connections,
    database,
    instance,
    lifecycle,
    probe_shop,
    traffic,
)
from signalcraft.operations.colours import Colours, Release, other
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2
from signalcraft.operations.ports import LOOPBACK, Colour, proxy_port
from signalcraft.operations.processes import catalogue, describe
from signalcraft.operations.releases import interrupted
from signalcraft.operations.releases.canary import MIN_REQUESTS, Step, WorseError, watch
from signalcraft.operations.releases.order import Order
from signalcraft.operations.releases.record import SUCCEEDED, Check, Deployment, Outcome, document_of
from signalcraft.operations.traffic import Figures
from signalcraft.queue import make_celery
from signalcraft.queue_names import queue_lists
from signalcraft.realtime.connection import get_redis
from signalcraft.systemtest import run as run_journeys

log = get_logger(__name__)

START_SECONDS = 45.0
"""Its code is compiled and the servers run: a start takes seconds. A release that needs more is not ready."""
_HOLD_SECONDS = 4.0
"""A process that cannot live ends within the first seconds of its life."""
_QUEUE_SECONDS = 20.0
"""How long the former release's worker may take to come to the end of its queue."""


class Activation:
    """One deployment, from the first look to the line in the record."""

    def __init__(self, here: Instance, order: Order) -> None:
        self._here = here
        self._order = order
        self._before: Colours = colours.load(here)
        self._colour: Colour = other(self._before.active)
        own = describe(here, self._colour)
        self._version = next(process.version for process in own if process.colour is not None)
        self._checks: list[Check] = []
        self._steps: list[Step] = []
        self._moved = False

    def run(self) -> Deployment:
        """Do it; whatever happens, the record has it afterwards."""
        reason = None
        interrupted.begin(self._here, self._made("rolled back by itself", interrupted.REASON))
        try:
            self._start()
            self._try()
            self._shift()
            self._take_over()
        except KeyboardInterrupt:
            reason = "It was interrupted."
        except (OperationsError, WorseError) as error:
            reason = str(error)
        except Exception as error:
            # Code that has never run here before: anything it does wrong must not leave it in place.
            log.exception("activation_failed")
            reason = f"{type(error).__name__}: {error}"
        _listen_to_signals(lambda *_: None)  # what has begun to end is not to be interrupted
        made = self._end(reason)
        announce.deployment(
            self._here.settings, release=made.version, colour=self._colour, outcome=made.outcome
        )
        return made

    def _start(self) -> None:
        """Schema and processes. Migrations only add, so the release that runs goes on working."""
        if Pm2(self._here).pid is None:
            raise OperationsError("Nothing runs that could be replaced: `signalcraft up` comes first.")
        _say("Bringing the database up to date")
        with database.failing_with_a_sentence():
            connections.check(self._here.settings)
            migrate.upgrade(self._here.settings)
        with make_celery(self._here.settings.model_copy(update={"colour": self._colour})) as celery:
            # What another release left in this queue; the sweepers find the rows behind it.
            celery.control.purge()
        release = Release(self._order.release, colours.this_release().folder, Path(sys.executable))
        lifecycle.start_colour(self._here, self._colour, release, START_SECONDS, _say)

    def _try(self) -> None:
        """The journeys of people and nodes, against this colour alone."""
        _say(f"Trying {self._colour} before anybody else does")
        with unit_of_work() as session:
            credentials = probe_shop.prepare(session, self._here.settings)
        base = self._here.settings.internal_port_base
        for result in run_journeys(f"http://{LOOPBACK}:{proxy_port(base, self._colour)}", credentials):
            check = Check(result.name, result.ok, round(result.seconds, 2), result.detail)
            self._checks.append(check)
            if not check.ok:
                raise OperationsError(f"The journey `{check.name}` fails: {check.detail}.")

    def _shift(self) -> None:
        """Move the traffic by steps, each watched."""
        usual = Figures()
        for percent in self._order.steps:
            _say(f"{percent} % of the traffic goes to {self._colour}")
            with traffic.counted(self._here):
                traffic.set_weights(self._here, self._weights(percent))
                try:
                    step = watch(percent, self._order.interval_s, self._look, usual)
                except WorseError as error:
                    self._steps.append(error.seen)
                    raise
            self._steps.append(step)
            if step.old.requests >= MIN_REQUESTS:
                usual = step.old

    def _look(self) -> tuple[Figures, Figures]:
        seen = traffic.figures(self._here)
        return seen[self._colour], seen[other(self._colour)]

    def _weights(self, percent: int) -> dict[Colour, int]:
        return {self._colour: percent, other(self._colour): 100 - percent}

    def _take_over(self) -> None:
        """What there is one of becomes of this release, and must stay alive."""
        self._moved = True
        lifecycle.make_active(self._here, self._colour, _say)
        deadline = time.monotonic() + _HOLD_SECONDS
        names = {one.name for one in catalogue(self._here) if one.kind == "task" and one.colour is None}
        while time.monotonic() < deadline:
            time.sleep(0.5)
            for state in Pm2(self._here).states():
                if state.name in names and (state.status != "online" or state.restarts):
                    raise OperationsError(f"{state.name} does not stay alive.")

    def _end(self, reason: str | None) -> Deployment:
        if reason is None:
            self._end_of_the_former()
            made = self._made(SUCCEEDED[self._order.kind], None)
            interrupted.end(self._here, made)
            return made
        _say(f"Going back: {reason}")
        made = self._made("rolled back by itself", reason)
        interrupted.begin(self._here, made)
        if self._take_back():
            made = self._made("rolled back by itself", reason)
            interrupted.end(self._here, made)
        return made

    def _end_of_the_former(self) -> None:
        former = other(self._colour)
        try:
            self._wait_for_queue(former)
            lifecycle.stop_colour(self._here, former, _say)
        except Exception as error:
            # The new release serves already; the next `up` stops what is left of the former one.
            _say(f"{former} is not stopped: {error}")

    def _wait_for_queue(self, colour: Colour) -> None:
        """Nobody else takes from it. What is left in the end the sweepers put on the other colour's."""
        lists = queue_lists(self._here.settings.model_copy(update={"colour": colour})).values()
        deadline = time.monotonic() + _QUEUE_SECONDS
        while any(get_redis().llen(name) for name in lists) and time.monotonic() < deadline:
            time.sleep(0.2)

    def _take_back(self) -> bool:
        """What users meet comes first. False if something is left for `interrupted` to put right."""
        complete = True
        for each in (self._restore_traffic, self._restore_singles, self._stop_this):
            try:
                each()
            except Exception as error:
                # One step that fails must not keep the others from being made.
                _say(f"{type(error).__name__}: {error}")
                complete = False
        return complete

    def _restore_traffic(self) -> None:
        if traffic.weights(self._here) != self._before.weights:
            traffic.set_weights(self._here, self._before.weights)

    def _restore_singles(self) -> None:
        if self._moved:
            interrupted.reinstate(self._here, self._before.active, _say)

    def _stop_this(self) -> None:
        lifecycle.stop_colour(self._here, self._colour, _say)

    def _made(self, outcome: Outcome, reason: str | None) -> Deployment:
        order, former = self._order, self._before.releases[self._before.active]
        return Deployment(
            id=order.id,
            kind=order.kind,
            release=order.release,
            version=self._version,
            source=order.source,
            by=order.by,
            began_at=order.began_at,
            build_seconds=order.build_seconds,
            seconds=round((utc_now() - datetime.fromisoformat(order.began_at)).total_seconds(), 1),
            outcome=outcome,
            reason=reason,
            colour=self._colour,
            replaced=None if former is None else document_of(former),
            checks=self._checks,
            steps=self._steps,
        )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _listen_to_signals(handler: Callable[..., None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Ctrl-C, from outside, a lost terminal
        signal.signal(number, handler)


def _say(text: str) -> None:
    # The operator's terminal may be gone; that is no reason to go back.
    with suppress(OSError):
        sys.stderr.write(f"         {text}\n")


def main() -> None:
    """Entry point; exit code 0 if this release serves now. What happened is in the record either way."""
    _listen_to_signals(_interrupt)
    try:
        made = Activation(instance.make(), Order.read(sys.argv[1])).run()
    except OperationsError as error:
        _say(str(error))
        sys.exit(1)
    sys.exit(made.reason is not None)


if __name__ == "__main__":
    main()
