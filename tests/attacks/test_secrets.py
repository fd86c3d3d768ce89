"""What people, programs and nodes tell us in confidence stands in no log, error, event or report.

`secret_journey.py` walks through everything that takes or gives a secret, also while parts of the database
are away, in a process that logs and reports to Sentry as those of the system do.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentry_collector import Collector, collecting

JOURNEY = Path(__file__).with_name("secret_journey.py")
MAILBOX = JOURNEY.parents[1] / "accounts"
PARTS = 12
"""So many characters of a secret would be most of it."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as server:
        yield server


def test_a_secret_is_in_no_log_error_event_or_report(
    database: None, collector: Collector, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.json"
    done = subprocess.run(
        [sys.executable, JOURNEY, answers],
        env=os.environ
        | {"SENTRY_DSN": collector.dsn, "SIGNALCRAFT_LOG_LEVEL": "DEBUG", "PYTHONPATH": str(MAILBOX)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(answers.read_text())
    places = {
        "log": done.stdout + done.stderr,
        "errors": "\n".join(document["errors"]),
        "told": "\n".join(document["told"]),
        "sentry": "\n".join(collector.envelopes),
    }
    assert len(document["secrets"]) > 15
    assert {401, 403, 422, 500} <= set(document["statuses"]), "the walk met refusals and failures"
    assert places["log"].count('"event"') > 50
    assert "session.opened" in places["told"]
    assert places["sentry"].count('"exception"') > 5, "failures were reported"
    found = [
        f"{name} in {place}"
        for name, secret in document["secrets"].items()
        for place, seen in places.items()
        if secret in seen or secret[-PARTS:] in seen
    ]
    assert found == []
    assert "@secret.example" not in places["sentry"], "nor who it was"
