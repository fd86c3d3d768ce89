"""The outbox of mail: rows that wait, and delivering them."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.mail import delivery, queries
from signalcraft.mail.errors import UndeliveredMailError
from signalcraft.mail.models import OutgoingMail
from signalcraft.mail.templates import render

log = get_logger(__name__)

LEASE = timedelta(minutes=2)
"""Longer than a delivery may take: a worker that died gives the mail back by then."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""Before the second, third … attempt; after the last the mail is given up, 17 hours on."""


def compose(*, to: str, template: str, language: str, values: Mapping[str, str]) -> OutgoingMail:
    """A mail that waits to be delivered, not yet in the outbox.

    Raises
    ------
    KeyError
        The template is not known, or a value is missing: found here and not in the worker.
    """
    render(template, language, values)
    now = utc_now()
    return OutgoingMail(
        recipient=to,
        template=template,
        language=language,
        substitutions=dict(values),
        created_at=now,
        claimable_at=now,
    )


def put(session: Session, mail: OutgoingMail) -> int:
    """Put a mail into the outbox in this transaction; its number."""
    session.add(mail)
    session.flush()
    return mail.id


def deliver(mail_id: int) -> None:
    """Try to deliver one mail; harmless when done twice or by two at once.

    The attempt is committed before it is made: a worker that dies in between leaves a mail that is tried
    again, so that at worst it arrives twice, under the same Message-ID.
    """
    now = utc_now()
    with unit_of_work() as session:
        mail = queries.claim(session, mail_id, now)
        if mail is None:
            return
        mail.attempts += 1
        mail.claimable_at = now + LEASE
    try:
        delivery.hand_over(mail)
    except UndeliveredMailError as error:
        _note_failure(mail, error.detail)
    else:
        _finish(mail, "delivered", None)


def _note_failure(mail: OutgoingMail, reason: str) -> None:
    if mail.attempts > len(PAUSES):
        log.error("mail_given_up", mail=mail.id, template=mail.template, reason=reason)
        _finish(mail, "failed", reason)
        return
    log.warning("mail_not_delivered", mail=mail.id, template=mail.template, reason=reason)
    with unit_of_work() as session:
        waiting = session.merge(mail)
        waiting.claimable_at = utc_now() + PAUSES[mail.attempts - 1]
        waiting.reason = reason


def _finish(mail: OutgoingMail, state: str, reason: str | None) -> None:
    with unit_of_work() as session:
        finished = session.merge(mail)
        finished.state = state
        finished.substitutions = None
        finished.finished_at = utc_now()
        finished.reason = reason
