"""How many transactions a second the audit log lets through: each waits for the one before it to commit.

    .venv/bin/python -m benchmarks.audit_chain

It leaves its records in the log, which nothing removes: only for an instance made for it.
"""

import threading
from collections.abc import Callable
from time import perf_counter

from signalcraft.audit.service import record, verify
from signalcraft.db.session import unit_of_work
from signalcraft.realtime.publish import emit

WRITERS = 8
TRANSACTIONS = 200
"""Of each writer."""


def audited() -> None:
    """What a sign-in writes to the log."""
    with unit_of_work() as session:
        record(session, "benchmark.done", user_id=None, detail={"device": "none", "second_factor": False})


def evented() -> None:
    """For comparison: the other counter that all writers share."""
    with unit_of_work() as session:
        emit(session, "benchmark.done", {}, shop_id=None)


def rate(work: Callable[[], None], writers: int) -> float:
    """Transactions a second with so many writers at once."""

    def repeat() -> None:
        for _ in range(TRANSACTIONS):
            work()

    threads = [threading.Thread(target=repeat) for _ in range(writers)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return writers * TRANSACTIONS / (perf_counter() - began)


def main() -> None:
    """Print the rates, and how long it takes to verify what was written."""
    for writers in (1, WRITERS):
        rates = f"{rate(audited, writers):.0f} audited/s, {rate(evented, writers):.0f} events/s"
        print(f"{writers} writers: {rates}")
    began = perf_counter()
    with unit_of_work() as session:
        found = verify(session)
    print(f"verified {found.records} records in {perf_counter() - began:.2f} s, flaw: {found.flaw}")


if __name__ == "__main__":
    main()
