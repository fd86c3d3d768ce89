"""Data sets with a protocol of their own, known by their file names. Their published figures are compared in
`docs/acoustics.md`."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import Sound, prepare
from signalcraft.dsp.features.v1 import Feature
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.layouts import load, sound_files
from signalcraft.evaluation.trials import NORMAL, Dataset, Sample, Source, Trial, check_size, make

SNR_DB = (0.0, -10.0, -20.0, -30.0)
SEEDS = 6
TRAIN_MIXES, TEST_MIXES = 6, 2
# What unit rms becomes before it is heard: far below full scale, so that even noise 30 dB louder than the
# machine is not taken for clipping, and far above the spectra's floor.
_UNIT_RMS = np.float32(0.003)

_UAV = re.compile(r"(normal|broken-[\w]+?)_(\d+)\.wav")
_COMPRESSOR = re.compile(r"rest_(\d{4})_\d+\.wav")  # where it runs, the microphone is overdriven


def mimii_features(folder: Path) -> Dataset | None:
    """Features of MIMII clips: npz with X (clips, p), columns, filename, is_normal. The log-mel columns are
    used: means and deviations over time, all in dB, as the published figures do."""
    files = [
        file for file in sorted(folder.glob("*.npz")) if _has(file, "X", "columns", "filename", "is_normal")
    ]
    if not files:
        return None

    def trials() -> Iterator[Trial]:
        for file in files:
            with np.load(file, allow_pickle=False) as arrays:
                x, names, good = arrays["X"], arrays["filename"], arrays["is_normal"] == 1
                columns = np.char.startswith(arrays["columns"], "logmel")
                described = _log_mel_names(arrays["columns"][columns].tolist())
            x = x[:, columns].astype(np.float64)
            order = np.argsort(names[good], kind="stable")
            normal = _vectors(x[good][order], names[good][order], NORMAL, described)
            anomalous = _vectors(x[~good], names[~good], "anomaly", described)
            count = len(anomalous)
            check_size(file.stem, len(normal) - count, min(count, len(normal)))
            yield Trial(file.stem, 0, normal[count:], normal[:count], anomalous)

    return Dataset(
        folder.resolve().name,
        "The official split of MIMII: of the normal clips sorted by name as many as there are abnormal ones"
        " test, the others train. Features: the log-mel columns of the file.",
        trials,
    )


def iitk_features(folder: Path) -> Dataset | None:
    """Features of a compressor with labelled faults: npz with X (n, p), label 1.., classes with `Healthy`."""
    files = [file for file in sorted(folder.glob("*.npz")) if _has(file, "X", "label", "classes")]
    if not files:
        return None

    def trials() -> Iterator[Trial]:
        for file in files:
            with np.load(file, allow_pickle=False) as arrays:
                x, label, classes = arrays["X"].astype(np.float64), arrays["label"], arrays["classes"]
            kinds = np.array([str(classes[i - 1]) for i in label])
            names = np.array([f"{kind}_{i:04d}" for i, kind in enumerate(kinds)])
            healthy = np.flatnonzero(kinds == "Healthy")
            check_size(file.stem, healthy.size // 2, healthy.size - healthy.size // 2)
            anomalous = [_vector(x[i], names[i], kinds[i]) for i in np.flatnonzero(kinds != "Healthy")]
            for seed in range(SEEDS):
                shuffled = np.random.default_rng(seed).permutation(healthy)
                train, test = np.sort(shuffled[: healthy.size // 2]), np.sort(shuffled[healthy.size // 2 :])
                yield Trial(
                    file.stem,
                    seed,
                    _vectors(x[train], names[train], NORMAL),
                    _vectors(x[test], names[test], NORMAL),
                    anomalous,
                )

    return Dataset(
        folder.resolve().name,
        f"A random half of the healthy recordings trains, the other half and all faults test; mean of {SEEDS}"
        " seeded halves. The AUC over all is the mean over the faults: each has equally many recordings."
        " Supervised: ten folds over all recordings, healthy and faulty.",
        trials,
        supervised=True,
    )


def air_compressor(folder: Path) -> Dataset | None:
    """Healthy days: the first day trains, false alarms are counted on the later ones."""
    days: dict[str, list[Path]] = defaultdict(list)
    for file in sound_files(folder):
        if found := _COMPRESSOR.fullmatch(file.name):
            days[found.group(1)].append(file)
    if len(days) < 2:
        return None
    first, *later = sorted(days)

    def trials() -> Iterator[Trial]:
        tested = [file for day in later for file in days[day]]
        yield make("rest", 0, map(_healthy, days[first]), map(_healthy, tested))

    return Dataset(
        folder.resolve().name,
        "Recordings of the state `rest`: the first day trains, the clips of the later days test, all healthy."
        " A false alarm is a score over the limit of 1 % that the training clips' cross-validated scores"
        " give.",
        trials,
    )


def uav(folder: Path, *, noise: Path | None, snr_db: tuple[float, ...]) -> Dataset | None:
    """Flights with whole and with broken propellers, in noise from another folder of sounds."""
    flights = {file: found.group(1) for file in sound_files(folder) if (found := _UAV.fullmatch(file.name))}
    if not any(kind.startswith("broken") for kind in flights.values()):
        return None
    noise = noise or folder.resolve().parent / "esc10"
    noises = sound_files(noise) if noise.is_dir() else []
    if not noises:
        raise EvaluationError(f"{noise}: no sounds to mix in; say where they are with --noise")
    normal = [file for file, kind in flights.items() if kind == NORMAL]
    broken = [file for file, kind in flights.items() if kind != NORMAL]

    def trials() -> Iterator[Trial]:
        for snr in snr_db:
            for seed in range(SEEDS):
                order = np.random.default_rng(seed).permutation(len(normal))
                half = len(normal) // 2
                trains = [normal[i] for i in order[:half]]
                tests = [normal[i] for i in order[half:]] + broken
                mixed = partial(_mixed, noises=noises, snr_db=snr, seed=seed, kinds=flights)
                yield make(
                    f"{snr:g} dB",
                    seed,
                    [mixed(file, mix) for file in trains for mix in range(TRAIN_MIXES)],
                    [mixed(file, mix) for file in tests for mix in range(TEST_MIXES)],
                )

    return Dataset(
        folder.resolve().name,
        "Every clip is brought to unit rms, then a random environmental sound from a random place in it is"
        " added at the stated signal-to-noise ratio. Half of the healthy flights train, each in"
        f" {TRAIN_MIXES} mixes; the others and all damaged ones test, each in {TEST_MIXES}; mean of {SEEDS}"
        " seeded splits.",
        trials,
    )


def mix(
    machine: NDArray[np.float32], noise: NDArray[np.float32], *, snr_db: float, start: int
) -> NDArray[np.float32]:
    """A machine at unit rms with noise at `snr_db` below it, from `start` on and repeated if shorter.

    machine, noise: float32 (n,) and (m,), of any level. Returns float32 (n,).
    """
    around = np.resize(np.roll(_unit(noise), -start), machine.size)
    mixed: NDArray[np.float32] = _unit(machine) + around * np.float32(10 ** (-snr_db / 20))
    return mixed


def _mixed(
    file: Path, number: int, *, noises: list[Path], snr_db: float, seed: int, kinds: dict[Path, str]
) -> Source:
    def sound() -> Sound:
        flight = int(file.stem.rpartition("_")[2])
        kind = sorted(set(kinds.values())).index(kinds[file])
        rng = np.random.default_rng([seed, round(1000 + 10 * snr_db), kind, flight, number])
        noise = _prepared(noises[rng.integers(len(noises))])
        start = int(rng.integers(noise.samples.size))
        machine = _prepared(file)
        samples = mix(machine.samples, noise.samples, snr_db=snr_db, start=start)
        return Sound(samples * _UNIT_RMS, machine.sample_rate_hz, machine.source_rate_hz, 1)

    return Source(f"{file.stem}, mix {number + 1}", file.stem, kinds[file], sound)


@lru_cache(maxsize=256)
def _prepared(file: Path) -> Sound:
    return prepare(load(file))


def _unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    rms = float(np.sqrt(np.square(x, dtype=np.float64).mean()))
    if rms == 0:
        raise EvaluationError("a sound to mix is silent throughout")
    unit: NDArray[np.float32] = x / np.float32(rms)
    return unit


def _healthy(file: Path) -> Source:
    return Source(file.name, file.name, NORMAL, partial(load, file))


def _has(file: Path, *arrays: str) -> bool:
    with np.load(file, allow_pickle=False) as content:
        return set(arrays) <= set(content.files)


def _log_mel_names(columns: list[str]) -> tuple[Feature, ...]:
    """Mean and deviation over time of log-mel bands; where in frequency is not told."""
    kinds = {"mu": "level", "std": "variation"}
    return tuple(Feature(name, "dB", kinds[name.split("_")[1]], math.nan, math.nan) for name in columns)


def _vector(
    x: NDArray[np.float64], name: str, kind: str, described: tuple[Feature, ...] | None = None
) -> Sample:
    return Sample(str(name), str(name), str(kind), x, names=described)


def _vectors(
    x: NDArray[np.float64],
    names: NDArray[np.str_],
    kind: str,
    described: tuple[Feature, ...] | None = None,
) -> list[Sample]:
    return [_vector(row, name, kind, described) for row, name in zip(x, names, strict=True)]
