"""What a pooler in transaction mode does not allow is nowhere in the application's SQL."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "signalcraft"

STRAIGHT = ("db/migrations/", "migration/", "operations/backups/scratch.py")
"""They run as the owner, who is not connected through a pooler (`operations/connections.py` sees to it), or
on a scratch server that a backup is tried in."""
OF_A_SESSION = (
    r"\bpg_(try_)?advisory_(unlock|lock)(_shared)?\(",  # without _xact_: held by whoever comes next
    r"\b(LISTEN|NOTIFY|UNLISTEN) ",
    r'"(SET|RESET) (?!LOCAL|TRANSACTION|NULL)',
    r"\bCREATE TEMP",
    r"\bWITH HOLD\b",
    r'"(PREPARE|DEALLOCATE) ',
    r"\bset_config\([^)]*, false\)",
)


@pytest.mark.parametrize(
    "line", ["pg_advisory_lock(1)", "LISTEN events", '"SET statement_timeout = 1"', "CREATE TEMP TABLE x ()"]
)
def test_what_is_looked_for_is_found(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in OF_A_SESSION)


def test_nothing_is_left_in_a_session() -> None:
    found = [
        (file.relative_to(PACKAGE).as_posix(), match.group())
        for file in PACKAGE.rglob("*.py")
        if not file.relative_to(PACKAGE).as_posix().startswith(STRAIGHT)
        for pattern in OF_A_SESSION
        for match in re.finditer(pattern, file.read_text())
    ]
    assert found == []
