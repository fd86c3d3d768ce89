"""A short run of the benchmark that kills: what was acknowledged on any way in is there, and once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from system_instance import SystemInstance, system_instance

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
ROUNDS = 5


@pytest.fixture
def system() -> Iterator[SystemInstance]:
    with system_instance() as system:
        started = system.start()
        assert started.returncode == 0, started.stderr
        yield system


@pytest.mark.timeout(300)
def test_no_acknowledged_reading_is_lost_or_doubled_by_a_kill(system: SystemInstance, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.telemetry.kill_rounds"),
            *("--rounds", str(ROUNDS), "--seed", "5", "--json", figures),
        ],
        cwd=ROOT,
        env=system.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(figures.read_text())
    assert len(document["rounds"]) == ROUNDS
    assert document["verdict"]["acknowledged"] > 100
    assert document["again"] > 0  # some kill was felt
