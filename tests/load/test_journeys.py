"""The scripts of the load tests are k6's, and find what is wrong: one run against the real api."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from werkzeug.serving import make_server

from loadtests import k6
from loadtests.loads import clients, journey
from loadtests.profiles import CLIMBS, PROFILES, soak
from loadtests.results import times_of
from loadtests.stage import Stage, make_stage
from signalcraft.db.session import unit_of_work

LOADTESTS = Path(k6.__file__).parent


@pytest.fixture
def stage(database: None, tmp_path: Path) -> Stage:
    return make_stage(tmp_path, people=50, audience=0)


@pytest.fixture
def origin(api_app: object) -> Iterator[str]:
    """The api on a port, as k6 needs it."""
    server = make_server("127.0.0.1", 0, api_app, threaded=True)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def send_readings(stage: Stage, origin: str, folder: Path) -> k6.Run:
    load = journey("readings", "readings", "reading", clients(1, 1), 1, "p(95)<10000")
    stage.write(folder / "stage.json")
    return k6.run(
        "readings",
        scenarios=load.scenarios,
        thresholds=load.thresholds,
        environment={"ORIGIN": origin, "STAGE": str(folder / "stage.json"), "PASSWORD": "", "ROUND": "0"},
        folder=folder,
    )


def test_readings_that_are_read_back_as_sent_pass(stage: Stage, origin: str, tmp_path: Path) -> None:
    run = send_readings(stage, origin, tmp_path)
    assert (run.crossed, run.failed_checks) == ([], {})
    with unit_of_work() as session:
        stored = session.execute(text("SELECT count(*) FROM readings")).scalar_one()
    assert stored == times_of(run)["reading"].count > 0


def test_readings_that_nobody_may_read_back_fail(stage: Stage, origin: str, tmp_path: Path) -> None:
    with unit_of_work() as session:
        session.execute(text("UPDATE sessions SET ended_at = now(), end_reason = 'ended'"))
    run = send_readings(stage, origin, tmp_path)
    assert "the reading is there" in run.failed_checks
    assert run.crossed == ["failed: rate<=0.001"]


def test_every_script_of_a_profile_is_one_that_k6_can_run(tmp_path: Path) -> None:
    (tmp_path / "clip").touch()
    voice = {"wav": [str(tmp_path / "clip")], "pcm": [str(tmp_path / "clip")]}
    (tmp_path / "stage.json").write_text(json.dumps({"people": [], "shops": [], "voices": [voice]}))
    loads = [load for profile in PROFILES.values() for load in profile.loads]
    loads += [climb.load(climb.first, 1) for climb in CLIMBS] + list(soak(50, 1).loads)
    scripts = {load.script for load in loads if load.script}
    assert scripts == {file.stem for file in LOADTESTS.glob("*.js")}
    for script in scripts:
        told = ("-e", f"STAGE={tmp_path / 'stage.json'}", "-e", "ORIGIN=", "-e", "ROUND=0", "-e", "PASSWORD=")
        program = Path(sys.prefix) / "bin" / "k6"
        seen = subprocess.run(
            [program, "inspect", *told, LOADTESTS / f"{script}.js"], capture_output=True, text=True
        )
        assert seen.returncode == 0, seen.stderr
