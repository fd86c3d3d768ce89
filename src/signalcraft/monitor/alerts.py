"""Telling the operator: once when something begins, once when it is over, and again while it lasts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.monitor.conditions import CONDITIONS
from signalcraft.monitor.facts import Facts, UnknownError
from signalcraft.monitor.telling import Kind, News, Teller
from signalcraft.observability import operator_alerts
from signalcraft.observability.alert_catalogue import BY_NAME
from signalcraft.observability.operator_alerts import OperatorAlert

log = get_logger(__name__)

INTERVAL_S = 15.0
ENDS_AFTER_S = 120.0
"""What comes back within two minutes has not been over: it is told once, not each time."""
_KEPT = timedelta(days=400)

Key = tuple[str, str]
"""Name of the condition, and what it is true of."""


@dataclass(frozen=True)
class Lasting:
    """Something that the operator knows of."""

    seen: str
    began_at: datetime
    told_at: datetime


class Alerts:
    """Judges the catalogue again and again.

    What lasts is in the database, so that a monitor that starts anew tells nothing twice; while the database
    is away, it is in memory.
    """

    def __init__(self, facts: Facts, teller: Teller, *, reminder: timedelta) -> None:
        self._facts, self._teller, self._reminder = facts, teller, reminder
        self._true_since: dict[Key, float] = {}
        self._last_true: dict[Key, float] = {}
        self._lasting: dict[Key, Lasting] = {}
        self._is_loaded = False

    @property
    def is_well(self) -> bool:
        """Whether nothing critical lasts."""
        return not any(BY_NAME[name].severity == "critical" for name, _ in self._lasting)

    def judge(self) -> None:
        """Look at everything, and tell what has begun, ended or lasts too long."""
        try:
            self._facts.gather()
            self._load()
        except DBAPIError as error:
            log.warning("alerts_without_database", reason=type(error).__name__)
        news = self._news(self._found(), utc_now())
        for one in news:
            log.warning("operator_alert", kind=one.kind, alert=one.condition.name, subject=one.subject)
        try:
            with unit_of_work() as session:
                self._keep(session)
                mails = self._teller.mail(session, news)
        except DBAPIError:
            mails = []
            self._teller.mail_at_once(news)
        self._teller.post(news)
        self._teller.deliver(mails)

    def _found(self) -> dict[Key, str]:
        """What is true now, and what was seen. What nobody can tell stays as it was."""
        found: dict[Key, str] = {}
        for name, find in CONDITIONS.items():
            try:
                found |= {(name, subject): seen for subject, seen in find(self._facts)}
            except UnknownError:
                known = {key: lasting.seen for key, lasting in self._lasting.items() if key[0] == name}
                found |= known
        return found

    def _news(self, found: Mapping[Key, str], at: datetime) -> list[News]:
        now = monotonic()
        self._true_since = {key: self._true_since.get(key, now) for key in found}
        self._last_true |= dict.fromkeys(found, now)
        news = [self._begin(key, seen, at) for key, seen in found.items() if self._is_new(key, now)]
        for key, lasting in list(self._lasting.items()):
            if now - self._last_true.setdefault(key, now) >= ENDS_AFTER_S:
                del self._lasting[key], self._last_true[key]
                news.append(self._about(key, lasting, "ended", at))
            elif at - lasting.told_at >= self._reminder:
                self._lasting[key] = replace(lasting, told_at=at, seen=found.get(key, lasting.seen))
                news.append(self._about(key, self._lasting[key], "lasts", at))
        return news

    def _is_new(self, key: Key, now: float) -> bool:
        return key not in self._lasting and now - self._true_since[key] >= BY_NAME[key[0]].lasts_s

    def _begin(self, key: Key, seen: str, at: datetime) -> News:
        self._lasting[key] = Lasting(seen, at, at)
        return self._about(key, self._lasting[key], "begun", at)

    def _about(self, key: Key, lasting: Lasting, kind: Kind, at: datetime) -> News:
        return News(kind, BY_NAME[key[0]], key[1], lasting.seen, lasting.began_at, at)

    def _load(self) -> None:
        """Once: what was told before this process began."""
        if self._is_loaded:
            return
        with unit_of_work() as session:
            rows = operator_alerts.lasting(session)
        for row in rows:
            if row.name in BY_NAME:
                self._lasting.setdefault(
                    (row.name, row.subject), Lasting(row.detail, row.began_at, row.told_at)
                )
        self._is_loaded = True

    def _keep(self, session: Session) -> None:
        """Bring the rows up to what lasts."""
        rows = {(row.name, row.subject): row for row in operator_alerts.lasting(session)}
        for key, row in rows.items():
            if key not in self._lasting:
                row.ended_at = max(utc_now(), row.began_at)
        for key, lasting in self._lasting.items():
            row = rows.get(key) or OperatorAlert(name=key[0], subject=key[1], began_at=lasting.began_at)
            row.detail, row.told_at = lasting.seen, lasting.told_at
            session.add(row)
        operator_alerts.forget(session, utc_now() - _KEPT)
        session.flush()
