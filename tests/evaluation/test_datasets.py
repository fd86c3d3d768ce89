"""Layouts of data sets, on small folders made here."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from signalcraft.evaluation.datasets import find, with_contamination
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.layouts import is_anomalous, is_normal
from signalcraft.evaluation.measured import mix
from signalcraft.evaluation.trials import NORMAL, Sample, Trial, contaminated

RATE_HZ = 16_000


def write(file: Path, *, rms: float = 0.05, seconds: float = 1.0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(file.name.encode())
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) * rms
    soundfile.write(file, noise, RATE_HZ, subtype="PCM_16")


def names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def test_dcase_trains_and_tests_each_machine_on_its_own_folders(tmp_path: Path) -> None:
    for i in range(20):
        for machine in ("id_00", "id_02"):
            write(tmp_path / "fan" / "train" / f"normal_{machine}_{i:08d}.wav")
    for machine in ("id_00", "id_02"):
        write(tmp_path / "fan" / "test" / f"normal_{machine}_00000000.wav")
        write(tmp_path / "fan" / "test" / f"anomaly_{machine}_00000000.wav")
    trials = list(find(str(tmp_path)).trials())
    assert [trial.group for trial in trials] == ["fan id_00", "fan id_02"]
    assert all("id_02" in name for name in names(trials[1].train))
    assert len(trials[1].train) == 20
    assert names(trials[1].normal) == ["normal_id_02_00000000.wav"]
    assert names(trials[1].anomalous) == ["anomaly_id_02_00000000.wav"]


def test_mimii_tests_the_first_normal_clips_as_many_as_abnormal_ones(tmp_path: Path) -> None:
    for i in range(45):
        write(tmp_path / "pump" / "id_04" / "normal" / f"{i:08d}.wav")
    for i in range(22):
        write(tmp_path / "pump" / "id_04" / "abnormal" / f"{i:08d}.wav")
    (trial,) = find(str(tmp_path)).trials()
    assert trial.group == "pump/id_04"
    assert names(trial.normal) == [f"{i:08d}.wav" for i in range(22)]
    assert names(trial.train) == [f"{i:08d}.wav" for i in range(22, 45)]
    assert len(trial.anomalous) == 22


def test_a_flat_folder_keeps_enough_healthy_clips_to_test(tmp_path: Path) -> None:
    for i in range(45):
        write(tmp_path / f"normal_id_00_{i:08d}.wav")
    write(tmp_path / "anomaly_id_00_00000000.wav")
    (trial,) = find(str(tmp_path)).trials()
    assert (len(trial.train), len(trial.normal), len(trial.anomalous)) == (25, 20, 1)


def test_what_the_simulator_wrote_is_synthetic_and_labelled_with_conditions(tmp_path: Path) -> None:
    rows = ["file,machine,measured_at,state,condition,severity"]
    for i in range(40):
        rows.append(f"normal_id_01_{i:05d}_running.wav,1,,running,normal,0.000")
    rows.append("anomaly_id_01_00040_running_friction_0.50.wav,1,,running,friction,0.500")
    for row in rows[1:]:
        write(tmp_path / row.split(",")[0])
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
    dataset = find(str(tmp_path))
    assert dataset.synthetic
    assert dataset.title.endswith("(synthetic)")
    (trial,) = dataset.trials()
    assert [sample.kind for sample in trial.anomalous] == ["friction"]
    assert {sample.kind for sample in [*trial.train, *trial.normal]} == {NORMAL}


def test_clips_that_cannot_be_judged_are_left_out_and_named(tmp_path: Path) -> None:
    for i in range(45):
        write(tmp_path / f"normal_id_00_{i:08d}.wav")
    write(tmp_path / "anomaly_id_00_00000000.wav")
    write(tmp_path / "anomaly_id_00_00000001.wav", rms=0.0)
    (trial,) = find(str(tmp_path)).trials()
    assert len(trial.anomalous) == 1
    assert trial.left_out == ["anomaly_id_00_00000001.wav (anomaly): silent"]


def test_labels_of_the_later_dcase_years() -> None:
    assert is_anomalous(Path("test/section_00_source_test_anomaly_0000_pass.wav"))
    assert is_normal(Path("train/section_00_target_train_normal_0000_pass.wav"))
    assert not is_normal(Path("abnormal/00000000.wav"))


def test_mimii_features_follow_the_official_split(tmp_path: Path) -> None:
    columns = np.array(["duration", "logmel_mu_band_1", "logmel_std_band_1"])
    good = np.arange(60) % 3 > 0  # 40 normal, 20 not
    order = np.random.default_rng(0).permutation(60)
    x = np.stack([np.full(60, 10.0), np.arange(60.0), np.arange(60.0) + 100], axis=1)
    filename = np.array([f"{i:08d}.wav" for i in range(60)])
    np.savez(
        tmp_path / "fan_id00_0dB.npz",
        X=x[order], columns=columns, filename=filename[order], is_normal=good[order].astype(np.int8),
    )  # fmt: skip
    (trial,) = find(str(tmp_path)).trials()
    assert [len(part) for part in (trial.train, trial.normal, trial.anomalous)] == [20, 20, 20]
    assert names(trial.normal) == filename[good][:20].tolist()
    assert trial.normal[0].features.tolist() == [1.0, 101.0]


def test_labelled_features_are_halved_anew_with_each_seed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = np.repeat([1, 2], 40)
    np.savez(tmp_path / "f.npz", X=rng.random((80, 3)), label=label, classes=np.array(["Bearing", "Healthy"]))
    trials = list(find(str(tmp_path)).trials())
    assert len(trials) == 6
    assert {sample.kind for sample in trials[0].anomalous} == {"Bearing"}
    assert names(trials[0].train) != names(trials[1].train)
    assert sorted(names(trials[0].train) + names(trials[0].normal)) == sorted(
        f"Healthy_{i:04d}" for i in range(40, 80)
    )


def test_the_first_day_trains_and_the_later_ones_count_false_alarms(tmp_path: Path) -> None:
    for day in ("0302", "0327", "0328"):
        for i in range(20):
            write(tmp_path / f"rest_{day}_{i:03d}.wav")
    write(tmp_path / "off_0302_000.wav")
    (trial,) = find(str(tmp_path)).trials()
    assert {name[:9] for name in names(trial.train)} == {"rest_0302"}
    assert len(trial.normal) == 40
    assert trial.anomalous == []


def test_flights_are_mixed_and_no_test_flight_trains(tmp_path: Path) -> None:
    for i in range(10):
        write(tmp_path / "uav" / f"normal_{i:02d}.wav")
    write(tmp_path / "uav" / "broken-3_4_00.wav")
    write(tmp_path / "esc10" / "rain_1.wav", seconds=0.5)
    trials = list(find(str(tmp_path / "uav"), snr_db=(-10.0,)).trials())
    assert [trial.group for trial in trials] == ["-10 dB"] * 6
    first = trials[0]
    assert [len(part) for part in (first.train, first.normal, first.anomalous)] == [30, 10, 2]
    assert not {s.source for s in first.train} & {s.source for s in first.normal}
    assert {s.kind for s in first.anomalous} == {"broken-3_4"}


def test_flights_without_noise_to_mix_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "uav" / "normal_00.wav")
    write(tmp_path / "uav" / "broken-1_00.wav")
    with pytest.raises(EvaluationError, match="--noise"):
        find(str(tmp_path / "uav"))


@pytest.mark.parametrize("snr_db", [0.0, -20.0, 6.0])
def test_a_mix_has_the_ratio_it_should(snr_db: float) -> None:
    rng = np.random.default_rng(1)
    machine = (0.2 * rng.standard_normal(8000)).astype(np.float32)
    noise = (3.0 * rng.standard_normal(3000)).astype(np.float32)
    unit = machine / np.sqrt(np.mean(np.square(machine)))
    added = mix(machine, noise, snr_db=snr_db, start=123) - unit
    assert 10 * np.log10(np.mean(np.square(unit)) / np.mean(np.square(added))) == pytest.approx(
        snr_db, abs=0.1
    )


def test_bad_clips_that_were_learned_are_not_tested(tmp_path: Path) -> None:
    def samples(kind: str, count: int) -> list[Sample]:
        return [Sample(f"{kind}{i}", f"{kind}{i}", kind, np.array([float(i)])) for i in range(count)]

    trial = Trial("machine", 0, samples(NORMAL, 80), samples("tested", 5), samples("anomaly", 30))
    clean, spoilt = contaminated(trial, share=0.05, clips=60, repetitions=1)
    learned = {sample.name for sample in spoilt.train if sample.kind == "anomaly"}
    assert len(learned) == 3
    assert len(clean.train) == len(spoilt.train) == 60
    assert {sample.kind for sample in clean.train} == {NORMAL}
    assert names(clean.anomalous) == names(spoilt.anomalous)
    assert not learned & set(names(spoilt.anomalous))
    assert len(spoilt.anomalous) == 27


def test_too_little_healthy_sound_is_refused(tmp_path: Path) -> None:
    for i in range(12):
        write(tmp_path / f"normal_id_00_{i:08d}.wav")
    write(tmp_path / "anomaly_id_00_00000000.wav")
    with pytest.raises(EvaluationError, match="at least 20"):
        list(find(str(tmp_path)).trials())


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "machine.wav")
    with pytest.raises(EvaluationError, match="DCASE"):
        find(str(tmp_path))
    with pytest.raises(EvaluationError, match="no such folder"):
        find(str(tmp_path / "absent"))
    with pytest.raises(EvaluationError, match="no such preset"):
        find("simulator:imagined")


def test_contamination_is_told_in_the_protocol(tmp_path: Path) -> None:
    for i in range(45):
        write(tmp_path / f"normal_id_00_{i:08d}.wav")
        write(tmp_path / f"anomaly_id_00_{i:08d}.wav")
    dataset = with_contamination(find(str(tmp_path)), 0.1)
    assert "10%" in dataset.protocol
    groups = [trial.group for trial in dataset.trials()]
    assert len(groups) == 10
    assert len(set(groups)) == 2
