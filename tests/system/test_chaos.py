"""A short run of `systemtest.chaos`; and that the look at the invariants would see what is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from systemtest.chaos.invariants import events_violated
from systemtest.chaos.load import Heard
from systemtest.chaos.schedule import KINDS, schedule

ROOT = Path(__file__).parents[2]
SEED, SECONDS = 121, 12


def test_a_schedule_is_a_function_of_its_seed() -> None:
    assert schedule(7, 600) == schedule(7, 600)
    assert schedule(7, 600) != schedule(8, 600)
    assert {fault.kind for fault in schedule(7, 600)} == set(KINDS)
    assert {fault.kind for fault in schedule(7, 60, ["clock", "cut"])} == {"clock", "cut"}
    with pytest.raises(ValueError, match="no fault flood"):
        schedule(7, 60, ["flood"])


def test_a_lost_and_a_doubled_event_are_seen() -> None:
    heard = Heard()
    for number in (1, 2, 4, 4, 5):
        heard.take({"type": "alarm.raised", "alarm": {"id": number}}, number, float(number))
    found = list(events_violated(heard))
    assert [one.what for one in found] == [
        "event 2 is followed by 4",
        "event 4 is followed by 4",
    ]
    assert found[0].at_s == 4.0


@pytest.mark.system
@pytest.mark.timeout(240)
def test_nothing_accepted_is_lost_or_told_twice_whatever_happens(tmp_path: Path) -> None:
    said = tmp_path / "chaos.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "systemtest.chaos"),
            *("--seed", str(SEED), "--seconds", str(SECONDS), "--json", said),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(said.read_text())
    assert document["violations"] == []
    assert len(document["faults"]) >= 6
    assert min(document["acknowledged"].values()) > 0
