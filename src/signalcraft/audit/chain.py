"""The chain of the audit log: each record's hash covers the one before it.

So none can be changed, taken out or put in unnoticed.

    seal(n) = SHA-256(salt || particulars)
    hash(n) = SHA-256(hash(n-1) || JSON array of id, time, action, user, token, subject, shop, request, seal)

The database computes it (trigger `chain_audit_record`); this is the same in Python, for whoever verifies.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from signalcraft.audit.models import AuditRecord

GENESIS = bytes(32)
"""Stands for the hash before the first record."""


@dataclass(frozen=True)
class Head:
    """The number and hash of a record: who has noted one can tell later that all before is unchanged."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Raises ValueError where the text is no `number:hash`."""
        number, _, digest = text.partition(":")
        head = cls(int(number), bytes.fromhex(digest))
        if head.id < 0 or len(head.hash) != len(GENESIS):
            raise ValueError("a head is a number, a colon and 64 hexadecimal digits")
        return head


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True)
class Verdict:
    """What the verification found.

    Attributes
    ----------
    records : how many were read up to the flaw, or in all.
    erased : of those, how many have no particulars any more.
    broken_id : the number of the first record that is not what was written; None if there is none.
    flaw : what is wrong, in English and Korean; None if nothing is.
    """

    records: int
    erased: int
    head: Head
    broken_id: int | None = None
    flaw: str | None = None


def record_hash(before: bytes, record: AuditRecord) -> bytes:
    """The hash of a record after the one whose hash is `before`."""
    row = [
        record.id,
        record.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        record.action,
        record.user_id,
        record.token_id,
        record.subject,
        record.shop_id,
        record.request_id,
        record.seal.hex(),
    ]
    # PostgreSQL's text of a JSON array is Python's: same blanks, same escapes.
    return hashlib.sha256(before + json.dumps(row, ensure_ascii=False).encode()).digest()


def verify(records: Iterable[AuditRecord], stored: Head, expected: Iterable[Head] = ()) -> Verdict:
    """Follow the chain from its first record.

    Parameters
    ----------
    records : all of them, by number.
    stored : what the database says the newest is: a chain that ends earlier was cut off.
    expected : heads that were noted elsewhere; what was rewritten or cut off since differs from them.
    """
    noted = {head.id: head.hash for head in expected}
    head, erased = EMPTY, 0
    for record in records:
        flaw = _flaw(record, head, noted)
        if flaw is not None:
            return Verdict(head.id, erased, head, head.id + 1, flaw)
        erased += record.particulars is None
        head = Head(record.id, record.hash)
    if head != stored or head.id < max(noted, default=0):
        return Verdict(
            head.id, erased, head, head.id + 1, "records at the end are missing / 끝부분의 기록이 없습니다"
        )
    return Verdict(head.id, erased, head)


def _flaw(record: AuditRecord, before: Head, noted: dict[int, bytes]) -> str | None:
    if record.id != before.id + 1:
        return "a record is missing / 기록이 빠졌습니다"
    if record.hash != record_hash(before.hash, record):
        return "the record was changed / 기록이 변경되었습니다"
    if noted.get(record.id, record.hash) != record.hash:
        return "the chain was rewritten / 기록이 다시 작성되었습니다"
    if record.particulars is not None:
        whole = (record.salt or b"") + record.particulars.encode()
        if hashlib.sha256(whole).digest() != record.seal:
            return "the particulars were changed / 세부 내용이 변경되었습니다"
    elif record.salt is not None:
        return "the particulars were taken out / 세부 내용이 제거되었습니다"
    return None
