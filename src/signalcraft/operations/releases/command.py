"""What the operator asks for: `deploy` and `rollback`. They run in the release that runs, or in any other."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from signalcraft.clock import utc_now
from signalcraft.operations import colours
from signalcraft.operations.colours import Release
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.releases import interrupted, record
from signalcraft.operations.releases.build import build
from signalcraft.operations.releases.one_at_a_time import turn
from signalcraft.operations.releases.order import Order
from signalcraft.operations.releases.prune import prune
from signalcraft.operations.releases.record import Deployment

Say = Callable[[str], None]


def deploy(
    instance: Instance, source: str, by: str, steps: Sequence[int], interval_s: float, say: Say
) -> Deployment:
    """Build `source`, and let it take the place of what runs, step by step.

    Raises
    ------
    OperationsError
        It could not be built, or did worse than what ran: that goes on running, and the reason is said.
    """
    with _turn(instance, say) as lock:
        order, began = _order("deploy", source, by, steps, interval_s), time.monotonic()
        try:
            release = build(instance, source, order.id, say)
        except OperationsError as error:
            record.append(instance, _failed(order, str(error)))
            raise
        order = replace(order, release=release.id, build_seconds=round(time.monotonic() - began, 1))
        made = _hand_over(instance, release, order, lock, say)
        for gone in prune(instance):
            say(f"Removing the old release {gone}")
    return _succeeded(made)


def rollback(instance: Instance, by: str, steps: Sequence[int], interval_s: float, say: Say) -> Deployment:
    """Let the release that was replaced by the running one take its place again, with the same care.

    The database stays as it is: migrations only add.

    Raises
    ------
    OperationsError
        There is no earlier release, or it did worse than what runs.
    """
    with _turn(instance, say) as lock:
        found = colours.load(instance)
        running = found.releases[found.active]
        former = None if running is None else record.to_go_back_to(record.deployments(instance), running)
        if former is None:
            raise OperationsError("There is no earlier release to go back to.")
        order = replace(_order("rollback", "rollback", by, steps, interval_s), release=former.id)
        return _succeeded(_hand_over(instance, former, order, lock, say))


@contextmanager
def _turn(instance: Instance, say: Say) -> Iterator[int]:
    with turn(instance) as lock:
        if lock is None:
            raise OperationsError("Another deployment is under way; `signalcraft releases` shows its end.")
        interrupted.put_right(instance, say)
        yield lock


def _order(kind: record.Kind, source: str, by: str, steps: Sequence[int], interval_s: float) -> Order:
    now = utc_now()
    name = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}"
    return Order(name, kind, name, source, by, now.isoformat(), 0.0, list(steps), interval_s)


def _hand_over(instance: Instance, release: Release, order: Order, lock: int, say: Say) -> Deployment:
    """Have the release activate itself. It holds the lock too: it goes on when this command is killed."""
    command = [str(release.python), "-P", "-m", "signalcraft.operations.releases.activate", order.write()]
    # Ctrl-C reaches the child as well. It goes back and says so; until then there is nothing to do here.
    usual = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        ended = f"exit code {subprocess.Popen(command, pass_fds=[lock]).wait()}"
    except OSError as error:
        ended = str(error.strerror)
    finally:
        signal.signal(signal.SIGINT, usual)
    interrupted.put_right(instance, say)
    for made in record.deployments(instance):
        if made.id == order.id:
            return made
    failed = _failed(order, f"The code of the release does not even begin ({release.python}: {ended}).")
    record.append(instance, failed)
    return failed


def _failed(order: Order, reason: str) -> Deployment:
    return Deployment(
        id=order.id,
        kind=order.kind,
        release=order.release,
        version="",
        source=order.source,
        by=order.by,
        began_at=order.began_at,
        seconds=round((utc_now() - datetime.fromisoformat(order.began_at)).total_seconds(), 1),
        build_seconds=order.build_seconds,
        outcome="failed",
        reason=reason,
    )


def _succeeded(made: Deployment) -> Deployment:
    if made.reason is not None:
        raise OperationsError(f"{made.release}: {made.outcome}. {made.reason}")
    return made
