"""Recording who did what, reading it, and proving that nobody has touched it since."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.audit import chain, origin, queries
from signalcraft.audit.models import AuditRecord
from signalcraft.audit.queries import Wanted
from signalcraft.clock import utc_now
from signalcraft.db.session import before_commit
from signalcraft.logging import get_logger

log = get_logger(__name__)

_PENDING = "signalcraft.audit"


def record(
    session: Session,
    action: str,
    *,
    user_id: int | None,
    subject: str | None = None,
    shop_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note in this transaction what was done; it is chained when everything else is written.

    Parameters
    ----------
    action : `thing.what_happened_to_it`, as in `device.claimed`, `session.opened`, `firmware.uploaded`.
    user_id : who did it; None for a node, the system itself or somebody who is not signed in.
    subject : what it was done to, `kind:id`, as in `user:12`, `device:ESP32_MIC_0001`.
    shop_id : whose owner may read of it; None is for administrators only.
    detail : what else is worth knowing: never a secret, nor what it was before it was hashed.
    """
    at_hand = origin.current()
    particulars = {"address": at_hand.address, "detail": detail or {}}
    pending: list[dict[str, Any]] = session.info.setdefault(_PENDING, [])
    if not pending:
        before_commit(session, _write, turn=1)
    pending.append(
        {
            "at": utc_now(),
            "action": action,
            "user_id": user_id,
            "token_id": at_hand.token_id,
            "subject": subject,
            "shop_id": shop_id,
            "request_id": at_hand.request_id,
            "particulars": json.dumps(particulars, ensure_ascii=False, default=str),
            "salt": secrets.token_bytes(16),
        }
    )
    log.info("audit", action=action, user_id=user_id, subject=subject, shop_id=shop_id)


def newest(session: Session, wanted: Wanted, *, limit: int) -> Sequence[AuditRecord]:
    """The newest records that match, newest first; the caller has narrowed `wanted` to what it may see."""
    return queries.newest(session, wanted, limit)


def matching(session: Session, wanted: Wanted) -> Iterator[AuditRecord]:
    """Every record that matches, oldest first, read a few at a time."""
    return queries.matching(session, wanted)


def about(session: Session, user_id: int) -> Iterator[AuditRecord]:
    """What a person did, and what was done to their account."""
    return queries.about(session, user_id)


def verify(session: Session, expected: Iterable[chain.Head] = ()) -> chain.Verdict:
    """Follow the whole chain, in a session that has not asked for anything yet.

    Parameters
    ----------
    expected : heads that were noted outside of this database.
    """
    # Records that are committed meanwhile must not look like some too many.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return chain.verify(queries.everything(session), queries.head(session), expected)


def forget_person(session: Session, user_id: int, logins: Sequence[str]) -> None:
    """Drop addresses and details from the records of a person; the chain stays valid.

    Parameters
    ----------
    logins : names and e-mail addresses under which failed sign-ins and invitations may speak of them.
    """
    queries.forget(session, user_id, logins)
    for row in session.info.get(_PENDING, []):
        if row["user_id"] == user_id:  # their own last deeds, among them this one
            row["particulars"] = "{}"


def _write(session: Session) -> None:
    rows: list[dict[str, Any]] = session.info.pop(_PENDING)
    session.flush()
    queries.add(session, rows)
