"""The virtual nodes: their rows, what they send on the simulated clock, and the same as files."""

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import soundfile
from typer.testing import CliRunner

from signalcraft.cli import app
from signalcraft.cli.virtual_fleet import (
    OPERATOR,
    Schedule,
    VirtualNode,
    machine_time,
    runs_while_recording,
    settle,
    step,
)
from signalcraft.client import NodeClient
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError
from signalcraft.evaluation.layouts import labelled_folders
from signalcraft.fleet import service as fleet
from signalcraft.simulation.machine import VirtualMachine

START = datetime(2026, 8, 1, tzinfo=UTC)


def test_a_second_run_finds_the_same_machines(database: None) -> None:
    made = []
    for _ in range(2):
        with unit_of_work() as session:
            device_id, _, machine = settle(session, shop_number=1, machine_number=2, seed=3)
        made.append((device_id, machine.id, machine.shop_id, machine.synthetic))
    assert made[0] == made[1]
    assert made[0][0] == "SIM-3-1-2"
    assert made[0][3] is True
    with unit_of_work() as session:
        assert len(fleet.list_shops(session, OPERATOR)) == 1


def test_a_real_machine_is_never_written_to(database: None) -> None:
    with unit_of_work() as session:
        device_id, _, machine = settle(session, 1, 1, seed=3)
        machine.synthetic = False
    with pytest.raises(ConflictError, match=device_id), unit_of_work() as session:
        settle(session, 1, 1, seed=3)


@pytest.mark.parametrize("running_only", [True, False])
def test_nodes_send_readings_always_and_sound_as_they_are_told(running_only: bool) -> None:
    requests: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"success": True, "processing_status": "queued", "duration_s": 10.0})

    compressor = VirtualMachine(seed=5)
    node = VirtualNode("SIM-5-1-1", "scd_key", 1, "Compressor", compressor, next_clip_at=START)
    schedule = Schedule(
        START, START + timedelta(hours=2), timedelta(minutes=1), timedelta(minutes=5), running_only
    )
    with (
        NodeClient("http://node.test", transport=httpx.MockTransport(server)) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        for moment in schedule.moments():
            step([node], moment, schedule, client, threads)
    clips = [request for request in requests if request.url.path.endswith("/upload")]
    heard = [datetime.fromisoformat(request.headers["X-Measured-At"]) for request in clips]
    due = [START + timedelta(minutes=minute) for minute in range(0, 120, 5)]
    running = [moment for moment in due if runs_while_recording(compressor, machine_time(moment))]
    assert 0 < len(running) < len(due)
    assert heard == (running if running_only else due)
    assert (node.readings, node.clips) == (120, len(heard)) == (len(requests) - len(clips), len(clips))
    assert {request.headers["X-Synthetic"] for request in clips} == {"true"}
    assert {len(request.content) for request in clips} == {2 * 16_000 * 10}


def table_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def test_the_shop_opens_by_its_own_clock() -> None:
    assert machine_time(datetime(2026, 8, 1, 0, 30, tzinfo=UTC)) % 86_400 == 9.5 * 3600


def test_files_are_synthetic_labelled_and_what_evaluate_reads(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    command = ["simulate", "--wav", str(folder), "--shops", "1", "--machines-per-shop", "2"]
    command += ["--hours", "5", "--fault", "friction", "--clip-minutes", "10"]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    files = sorted(folder.glob("*.wav"))
    table = table_of(folder / "clips.csv")
    assert [row["file"] for row in sorted(table, key=lambda row: row["file"])] == [f.name for f in files]
    for row in table:
        assert row["file"].startswith("normal_" if row["condition"] == "normal" else "anomaly_")
        assert (row["condition"] == "friction") == (float(row["severity"]) > 0)
        assert row["state"] in row["file"]
    assert {row["machine"] for row in table} == {"1", "2"}
    assert "synthetic" in (folder / "README.txt").read_text(encoding="utf-8")
    with soundfile.SoundFile(files[0]) as file:
        assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "PCM_16")
        assert "synthetic" in file.comment
    readings = table_of(folder / "readings.csv")
    assert len(readings) == 2 * 5 * 60
    data = labelled_folders(folder)
    assert data is not None

    again = tmp_path / "again"
    CliRunner().invoke(app, [str(again) if part == str(folder) else part for part in command])
    assert [file.read_bytes() for file in sorted(again.glob("*.wav"))] == [f.read_bytes() for f in files]


def test_nothing_is_overwritten_without_asking(tmp_path: Path) -> None:
    mine = tmp_path / "README.txt"
    mine.write_text("mine")
    command = [
        "simulate",
        "--wav",
        str(tmp_path),
        "--shops",
        "1",
        "--machines-per-shop",
        "1",
        "--hours",
        "0.2",
    ]
    refused = CliRunner().invoke(app, command, input="n\n")
    assert refused.exit_code == 1
    assert [file.name for file in tmp_path.iterdir()] == ["README.txt"]
    assert mine.read_text() == "mine"
    allowed = CliRunner().invoke(app, command, input="y\n")
    assert allowed.exit_code == 0
    assert (tmp_path / "readings.csv").exists()
