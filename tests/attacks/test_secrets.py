"""What people, programs and nodes tell us in confidence stands in no log, error, event or report.

`secret_journey.py` walks through everything that takes or gives a secret, also while parts of the database
are away, in a process that logs and reports to Sentry as those of the system do.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

JOURNEY = Path(__file__).with_name("secret_journey.py")
MAILBOX = JOURNEY.parents[1] / "accounts"
PARTS = 12
"""So many characters of a secret would be most of it."""


class Collector(ThreadingHTTPServer):
    """Takes what Sentry's library sends, as their server would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.envelopes: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_address[1]}/1"


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.envelopes.append(body.decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Not between the lines of the tests."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
