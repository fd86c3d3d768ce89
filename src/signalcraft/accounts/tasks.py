"""What the worker does for people."""

from celery import shared_task

from signalcraft.accounts import people_queries as queries
from signalcraft.accounts import registration, sessions
from signalcraft.db.session import unit_of_work

SWEEP_LIMIT = 200
"""Requests a sweep answers: the next one is a minute away."""


@shared_task(name="accounts.answer_request")  # type: ignore[untyped-decorator]
def answer_request(request_id: int) -> None:
    """Write the mail that a request is answered with; harmless when done twice."""
    with unit_of_work() as session:
        registration.answer(session, request_id)


@shared_task(name="accounts.answer_requests")  # type: ignore[untyped-decorator]
def answer_requests() -> None:
    """Answer what a lost queue forgot; forget old tokens."""
    with unit_of_work() as session:
        waiting = queries.waiting_requests(session, SWEEP_LIMIT)
        registration.drop_old_tokens(session)
    for request_id in waiting:
        answer_request(request_id)


@shared_task(name="accounts.sweep_sessions")  # type: ignore[untyped-decorator]
def sweep_sessions() -> None:
    """Forget sessions that nobody can use any more."""
    with unit_of_work() as session:
        sessions.sweep(session)
