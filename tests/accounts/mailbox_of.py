"""What the worker would do with requests and mail, and what a person finds in their mailbox."""

import email
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default

from sqlalchemy import select

from signalcraft.accounts import tasks
from signalcraft.accounts.models import AccountRequest
from signalcraft.db.session import unit_of_work
from signalcraft.mail import outbox
from signalcraft.mail.models import OutgoingMail
from signalcraft.settings import get_settings


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str

    @property
    def token(self) -> str:
        """The secret of the link in it."""
        found = re.search(r"https?://\S+#(\S+)", self.text)
        assert found, self.text
        return found[1]


def deliver() -> list[Mail]:
    """Answer every request and deliver every mail, oldest first; the folder is empty again afterwards."""
    folder = get_settings().data_dir / "mail"
    for left in folder.glob("*.eml"):
        left.unlink()
    with unit_of_work() as session:
        requests = session.scalars(select(AccountRequest.id).order_by(AccountRequest.id)).all()
    for request_id in requests:
        tasks.answer_request(request_id)
    with unit_of_work() as session:
        waiting = session.scalars(
            select(OutgoingMail.id).where(OutgoingMail.state == "waiting").order_by(OutgoingMail.id)
        ).all()
    delivered = []
    for mail_id in waiting:
        outbox.deliver(mail_id)
        (path,) = folder.glob("*.eml")
        message = email.message_from_bytes(path.read_bytes(), policy=default)
        path.unlink()
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        assert body is not None
        delivered.append(Mail(message["To"], message["Subject"].strip(), body.get_content()))
    return delivered
