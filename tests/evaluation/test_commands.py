"""`signalcraft evaluate` and `signalcraft listen` from the outside, on little synthetic sound."""

import json
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from signalcraft.cli import app
from signalcraft.evaluation import autoencoder, following, synthetic, watch
from signalcraft.simulation import Fault, VirtualMachine


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, sizes in (
        (
            synthetic,
            {"MACHINES": 2, "SNR_DB": (6.0,), "TRAIN_CLIPS": 24, "TEST_CLIPS": 8, "CLIPS_PER_FAULT": 1},
        ),
        (watch, {"MACHINES": 1, "DAYS": 0.5, "KINDS": ("bearing_wear",)}),
        (following, {"BASELINE_CLIPS": 20}),
        (autoencoder, {"MAX_STEPS": 30, "MIN_STEPS": 30}),
    ):
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)


@pytest.fixture
def machine_folder(tmp_path: Path) -> Path:
    """24 healthy recordings of a virtual machine, and one in another folder with a grave fault."""
    machine = VirtualMachine(5)
    faulty = VirtualMachine(5, fault=Fault(starts_at=0.0, grows_over_s=1.0))
    healthy, other = tmp_path / "healthy", tmp_path / "other"
    healthy.mkdir()
    other.mkdir()
    times = synthetic.running_times(machine)
    for i in range(24):
        soundfile.write(healthy / f"{i:02d}.wav", machine.clip(next(times)), 16_000, subtype="PCM_16")
    soundfile.write(other / "worn.wav", faulty.clip(next(times)), 16_000, subtype="PCM_16")
    soundfile.write(other / "well.wav", machine.clip(next(times)), 16_000, subtype="PCM_16")
    return tmp_path


@pytest.mark.usefixtures("small")
def test_evaluating_the_simulator_writes_figures_pictures_and_says_synthetic(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["evaluate", "simulator:unseen", "--report", str(tmp_path / "r"), "--json", str(tmp_path / "f.json")],
    )
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["synthetic"] is True
    (group,) = figures["groups"]
    assert group["methods"][0]["method"] == figures["detector"]
    assert len(group["methods"]) == 4
    for method in group["methods"]:
        low, high = method["figures"]["auc_interval"]
        assert 0 <= low <= method["figures"]["auc"] <= high <= 1
        assert method["ms_per_clip"] > 0
        assert [trial["n_train"] for trial in method["repetitions"]] == [24, 24]
    markdown = (tmp_path / "r" / "report.md").read_text()
    html = (tmp_path / "r" / "report.html").read_text()
    assert "synthetic" in markdown
    assert "synthetic" in html
    pictures = sorted(file.name for file in (tmp_path / "r").glob("0*"))
    assert all(f"]({name})" in markdown for name in pictures)
    assert sum(name.endswith(".png") for name in pictures) == 6  # three mistakes of either kind
    assert html.count("<svg") == 2  # the ROC curves, the scores
    loaded = html.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http:" not in loaded  # nothing to load; pictures as base64 have no colon
    assert "https:" not in loaded


@pytest.mark.usefixtures("small")
def test_watching_a_machine_counts_its_alarms(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "simulator:healthy-30-days", "--json", str(tmp_path / "f.json")]
    )
    assert result.exit_code == 0, result.output
    (watched,) = json.loads((tmp_path / "f.json").read_text())["watched"]
    assert 0 < watched["days"] < 0.5
    assert 0 <= watched["over_limit"] <= watched["clips"]
    assert watched["clips"] > 20


def test_evaluating_nothing_is_refused_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path)])
    assert result.exit_code == 2
    assert "neither train/" in result.output.replace("\n", " ")


def test_listening_tells_a_worn_machine_from_a_healthy_one(
    machine_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine_folder)
    worn = CliRunner().invoke(app, ["listen", "other/worn.wav", "--baseline-from", "healthy"])
    assert worn.exit_code == 0, worn.output
    assert "verdict: anomalous, grave" in worn.output
    assert "평소와 소리가 다릅니다" in worn.output
    assert (machine_folder / "worn.png").read_bytes().startswith(b"\x89PNG")
    well = CliRunner().invoke(app, ["listen", "other/well.wav", "--baseline-from", "healthy"])
    assert "verdict: normal" in well.output


def test_what_cannot_be_held_against_the_healthy_recordings_gets_no_verdict(
    machine_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine_folder)
    samples, rate_hz = soundfile.read(machine_folder / "other" / "well.wav")
    soundfile.write("short.wav", samples[: 2 * rate_hz], rate_hz)
    soundfile.write("narrow.wav", samples[::2], rate_hz // 2)
    for name, why in (("short", "much shorter"), ("narrow", "high sounds cannot be compared")):
        result = CliRunner().invoke(app, ["listen", f"{name}.wav", "--baseline-from", "healthy"])
        assert result.exit_code == 1, result.output
        assert why in result.output.replace("\n", " ")
        assert "verdict" not in result.output


def test_a_damaged_healthy_recording_is_named(machine_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(machine_folder)
    (machine_folder / "healthy" / "07.wav").write_bytes(b"no sound")
    for folder, named in (("healthy", "healthy/07.wav"), ("absent", "absent is no folder")):
        result = CliRunner().invoke(app, ["listen", "other/well.wav", "--baseline-from", folder])
        assert result.exit_code == 2
        assert named in result.output.replace("\n", " ")


def test_listening_without_a_baseline_gives_no_verdict(
    machine_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine_folder)
    result = CliRunner().invoke(app, ["listen", "other/worn.wav", "--picture", "p.png"])
    assert result.exit_code == 0, result.output
    assert "verdict: none" in result.output
    assert (machine_folder / "p.png").exists()


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"not sound at all")
    assert CliRunner().invoke(app, ["listen", str(tmp_path / "x.wav")]).exit_code == 2
    assert CliRunner().invoke(app, ["listen", str(tmp_path / "absent.wav")]).exit_code == 2


@pytest.mark.usefixtures("small")
def test_a_growing_fault_is_found_and_the_healthy_days_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, days in (("FAULT_BEGINS_DAY", 0.3), ("FAULT_GROWS_DAYS", 0.2), ("FAULT_DAYS", 0.6)):
        monkeypatch.setattr(watch, name, days)
    result = CliRunner().invoke(
        app, ["evaluate", "simulator:growing-faults", "--json", str(tmp_path / "f.json")]
    )
    assert result.exit_code == 0, result.output
    (watched,) = json.loads((tmp_path / "f.json").read_text())["watched"]
    assert watched["days"] < 0.3  # what follows is not healthy
    assert watched["found_after"] is not None
    assert watched["grave_alarms"] <= watched["alarms"]
