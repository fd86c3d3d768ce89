"""Mail: a row in the transaction that is the reason for it, delivered by the worker after the commit."""

from collections.abc import Mapping

from celery import current_app
from sqlalchemy.orm import Session

from signalcraft.db.session import after_commit
from signalcraft.mail import outbox


def send(session: Session, *, to: str, template: str, language: str, values: Mapping[str, str]) -> None:
    """Write a mail in this transaction; the worker delivers it after the commit.

    Parameters
    ----------
    to : one address, checked where it came in (`accounts.schemas.EmailAddress`).
    template : a name in `mail.templates.TEMPLATES`.
    language : `ko` or `en`.
    values : what the template is filled with. It may hold links with secrets: it is emptied when the mail is
        gone.

    Raises
    ------
    KeyError
        The template is not known, or a value is missing.
    """
    mail_id = outbox.put(session, outbox.compose(to=to, template=template, language=language, values=values))
    after_commit(session, lambda: current_app.send_task("mail.deliver", args=[mail_id]))
