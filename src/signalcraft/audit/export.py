"""The audit log as a file: one record a line, oldest first."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Literal

from signalcraft.audit.models import AuditRecord
from signalcraft.audit.schemas import RecordOut

Format = Literal["ndjson", "csv"]
MEDIA_TYPES: dict[Format, str] = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

_COLUMNS = tuple(name for name in RecordOut.model_fields if name != "username")
_DECEIVING = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


def lines(records: Iterable[AuditRecord], format: Format) -> Iterator[str]:
    """The file, line by line.

    NDJSON holds `salt`, `seal` and `particulars` as well, so that whoever has the file can follow the chain
    (`audit.chain`) without this database.
    """
    if format == "csv":
        yield _row(_COLUMNS)
    for record in records:
        yield _json(record) if format == "ndjson" else _csv(record)


def _json(record: AuditRecord) -> str:
    document = RecordOut.of(record).model_dump(mode="json", exclude={"username"})
    document |= {
        "particulars": record.particulars,
        "salt": record.salt.hex() if record.salt is not None else None,
        "seal": record.seal.hex(),
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _csv(record: AuditRecord) -> str:
    document = RecordOut.of(record).model_dump(mode="json")
    document["detail"] = json.dumps(document["detail"], ensure_ascii=False)
    return _row(tuple(_harmless(document[name]) for name in _COLUMNS))


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_DECEIVING) else value


def _row(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
