"""The ways to the operator: mail and a webhook, each in both languages where there is room."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from signalcraft.bilingual import Text
from signalcraft.clock import iso
from signalcraft.logging import get_logger
from signalcraft.mail import delivery, outbox
from signalcraft.mail.errors import UndeliveredMailError
from signalcraft.mail.models import OutgoingMail
from signalcraft.monitor.webhook import Webhook
from signalcraft.observability.alert_catalogue import Condition
from signalcraft.settings import Settings

log = get_logger(__name__)

Kind = Literal["begun", "lasts", "ended"]

_STATES = {
    "begun": Text(ko="문제 발생", en="Trouble"),
    "lasts": Text(ko="계속되는 문제", en="Still in trouble"),
    "ended": Text(ko="해결됨", en="Over"),
}


@dataclass(frozen=True)
class News:
    """Something to be told.

    Attributes
    ----------
    subject : what the condition is true of; empty where there is only one.
    seen : what was seen of it.
    at : now; of what has ended, when that was noticed.
    """

    kind: Kind
    condition: Condition
    subject: str
    seen: str
    began_at: datetime
    at: datetime

    def line(self, language: Literal["ko", "en"]) -> str:
        """All of it in one line."""
        title = getattr(self.condition.title, language)
        return " ".join(filter(None, (f"{getattr(_STATES[self.kind], language)}:", title, self.told)))

    @property
    def told(self) -> str:
        """What it is about and what was seen."""
        return " ".join(filter(None, (self.subject, f"({self.seen})" if self.seen else "")))


class Teller:
    """Tells the operator in the ways that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._to, self._language = settings.operator_mail, settings.operator_language
        self._origin = settings.public_origin
        url, secret = settings.operator_webhook_url, settings.operator_webhook_secret
        self._webhook = (
            Webhook(url.get_secret_value(), secret.get_secret_value() if secret else None) if url else None
        )

    def mail(self, session: Session, news: Sequence[News]) -> list[int]:
        """Put mails into the outbox in this transaction; their numbers."""
        return [outbox.put(session, mail) for mail in self._mails(news)]

    def deliver(self, mails: Sequence[int]) -> None:
        """Deliver mails of the outbox: the worker may be what fails. What fails here, it tries again."""
        for mail_id in mails:
            outbox.deliver(mail_id)

    def mail_at_once(self, news: Sequence[News]) -> None:
        """Deliver without the outbox, which cannot be reached; what fails is only logged."""
        for mail in self._mails(news):
            mail.id = secrets.randbits(62)  # a part of the message's own name
            try:
                delivery.hand_over(mail)
            except UndeliveredMailError as error:
                log.error("operator_mail_lost", reason=error.detail)

    def post(self, news: Sequence[News]) -> None:
        """Post to the webhook, with what waits from before."""
        if self._webhook is None:
            return
        for one in news:
            self._webhook.put(self._document(one))
        self._webhook.post()

    def _mails(self, news: Sequence[News]) -> list[OutgoingMail]:
        if not self._to:
            return []
        return [
            outbox.compose(
                to=self._to, template="operator_alert", language=self._language, values=self._values(one)
            )
            for one in news
        ]

    def _values(self, news: News) -> dict[str, str]:
        condition, language = news.condition, self._language
        return {
            "place": urlsplit(self._origin).netloc,
            "state": getattr(_STATES[news.kind], language),
            "title": getattr(condition.title, language),
            "seen": news.told,
            "began_at": iso(news.began_at),
            "step": getattr(condition.step, language),
            "runbook": f"docs/runbook.md#{condition.runbook}",
            "link": self._page,
        }

    def _document(self, news: News) -> dict[str, Any]:
        """`text` is what chat services show; the rest is for programs."""
        condition = news.condition
        return {
            "type": f"operator_alert.{news.kind}",
            "timestamp": iso(news.at),
            "text": f"{news.line('ko')}\n{news.line('en')}\n{self._page}",
            "data": {
                "name": condition.name,
                "severity": condition.severity,
                "subject": news.subject,
                "seen": news.seen,
                "began_at": iso(news.began_at),
                "title": condition.title.model_dump(),
                "first_step": condition.step.model_dump(),
                "runbook": f"docs/runbook.md#{condition.runbook}",
                "page": self._page,
            },
        }

    @property
    def _page(self) -> str:
        return f"{self._origin}/admin/monitoring"
