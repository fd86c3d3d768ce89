"""A log line has what is needed to follow a request, and nothing that names a person or opens a door."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from signalcraft.logging import bound, configure, get_logger
from signalcraft.settings import Settings

SECRETS = (
    "postgresql://app:hunter2hunter2@db/x",
    "Bearer abc.def",
    "eyJhbGciOi.eyJzdWIi.c2ln",
    "sct_0123456789abcdef",
    "$argon2id$v=19$m=19456$c2FsdA$aGFzaA",
    "kim@shop.example",
    "010-1234-5678",
)
SHOWN = ("hunter2hunter2", "abc.def", "eyJ", "sct_0", "c2FsdA", "kim@", "1234-5678")


@pytest.fixture
def configured(settings: Settings) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure(settings, "api")
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("configured")
def test_secrets_are_masked_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    # The stream is taken when configured: give it the one that is captured now.
    logging.getLogger().handlers[0].setStream(sys.stdout)  # type: ignore[attr-defined]
    text = " and ".join(SECRETS)
    with bound(request_id="r-1"):
        get_logger("a").warning(text, here=text, deep={"list": [text]})
        logging.getLogger("library").warning("said %s", text)
        try:
            raise ValueError(text)
        except ValueError:
            get_logger("a").exception("failed")
    written = capsys.readouterr().out
    assert [part for part in SHOWN if part in written] == []
    lines = [json.loads(line) for line in written.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert line["request_id"] == "r-1"
        assert line["process"] == "api"
        assert {"timestamp", "level", "release", "colour"} <= line.keys()
    assert "ValueError" in lines[2]["exception"]
