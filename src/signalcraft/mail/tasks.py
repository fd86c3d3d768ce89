"""What the worker does for mail."""

from datetime import timedelta

from celery import current_app, shared_task

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.mail import outbox, queries

SWEEP_LIMIT = 200
"""Mails a sweep takes: the next one is a minute away."""
KEPT = timedelta(days=90)
"""How long it stays known that a mail was sent, without what was in it."""


@shared_task(  # type: ignore[untyped-decorator]
    name="mail.deliver", soft_time_limit=90, time_limit=100
)
def deliver(mail_id: int) -> None:
    """Try to deliver one mail; harmless when done twice."""
    outbox.deliver(mail_id)


@shared_task(name="mail.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Queue again what a lost queue forgot and what is due for another attempt; forget old mail."""
    now = utc_now()
    with unit_of_work() as session:
        due = queries.waiting(session, now, SWEEP_LIMIT)
        queries.drop_finished_before(session, now - KEPT)
    for mail_id in due:
        current_app.send_task("mail.deliver", args=[mail_id])
