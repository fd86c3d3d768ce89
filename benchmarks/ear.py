"""What the ear costs: one core, nothing but the engine. Ratios to librosa's log-mel on the same clips.

`python -m benchmarks.ear --help`; `benchmarks/README.md` says what each line means.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.librosa_reference import Librosa
from signalcraft.anomaly import CURRENT as DETECTOR
from signalcraft.anomaly import DETECTORS, FEATURES_OF, explanation, learn, runstate
from signalcraft.anomaly.diagnosis.combined import diagnose
from signalcraft.anomaly.runstate import StateModel
from signalcraft.anomaly.surroundings import UNKNOWN
from signalcraft.clock import iso, utc_now
from signalcraft.dsp import ANALYSIS_RATE_HZ, Sound, assess_quality, decode_pcm, prepare, spectra
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.dsp.spectrogram import spectrogram_png
from signalcraft.operations import kernel
from signalcraft.simulation import Fault, VirtualMachine

FEATURES = FEATURES_OF[DETECTOR]
SEED = 31_000
CLIP_S = 10.0
HEALTHY_CLIPS = 200
HEARD_CLIPS = 20
"""Half of them of a worn bearing, so that there is something to diagnose and to mark."""
ROUNDS = 15
"""Ours and librosa's take turns, so that both meet what else the host does."""
PICTURE_PX = (900, 300)
"""As the machine page asks for it."""
MACHINES = 100
IMPORTS = 5
ENGINE = (
    "signalcraft.dsp.features, signalcraft.dsp.spectrogram, signalcraft.anomaly, "
    "signalcraft.anomaly.runstate, signalcraft.anomaly.explanation, signalcraft.anomaly.diagnosis.combined"
)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Ear:
    """All that one machine's clips are judged by."""

    baseline: Any
    states: StateModel


@dataclass(frozen=True)
class Figure:
    """One line of the result. bar: what it must stay under; None where nothing is asked."""

    name: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def kept(self) -> bool | None:
        return None if self.bar is None else self.value <= self.bar

    def __str__(self) -> str:
        asked = "" if self.bar is None else f"   {'under' if self.kept else 'NOT UNDER'} {self.bar:g}"
        return f"{self.name:52} {self.value:10.3f} {self.unit:6}{asked}"


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    librosa_python: Annotated[
        Path | None, typer.Option(help="A Python that has librosa, in an environment of its own.")
    ] = None,
    clips: Annotated[int, typer.Option(min=100, help="Clips that memory is watched over.")] = 10_000,
) -> None:
    """Measure the engine on one core, in processor time; every sound is synthetic."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # Read once when NumPy is loaded, so the process has to begin anew.
        again = [sys.executable, "-m", "benchmarks.ear", *sys.argv[1:]]
        sys.exit(subprocess.run(again, env=os.environ | ONE_THREAD, check=False).returncode)
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    load_before = os.getloadavg()[0]
    healthy, heard = _clips()
    vectors = np.stack([_quality_and_features(pcm) for pcm in healthy])
    ear = Ear(_fit(vectors), runstate.learn(vectors, (), FEATURE_SETS[FEATURES].names()))
    figures = [
        *_times(ear, heard, librosa_python),
        *_fits(ear, vectors),
        _import_time(),
        *_memory(ear, heard, clips),
    ]
    load = max(load_before, os.getloadavg()[0])
    print(f"features {FEATURES}, detector {DETECTOR}, core {core}, load average {load:.1f}; synthetic clips")
    print(*figures, sep="\n")
    if load > 1.3:
        print("The host does something else meanwhile, which makes caches cold: trust the ratios first.")
    if json_file is not None:
        document = {
            "measured_at": iso(utc_now()),
            "features": FEATURES,
            "detector": DETECTOR,
            "load_average": load,
            "figures": [asdict(figure) | {"kept": figure.kept} for figure in figures],
        }
        json_file.write_text(json.dumps(document, indent=2) + "\n")


def _clips() -> tuple[list[bytes], list[bytes]]:
    """PCM of one virtual machine while it runs: healthy to learn from; half healthy, half worn to judge."""
    well = VirtualMachine(SEED)
    worn = VirtualMachine(SEED, fault=Fault(starts_at=0.0, grows_over_s=1.0, kind="bearing_wear"))
    healthy = _running(well, HEALTHY_CLIPS + HEARD_CLIPS // 2)
    return healthy[:HEALTHY_CLIPS], healthy[HEALTHY_CLIPS:] + _running(worn, HEARD_CLIPS // 2)


def _running(machine: VirtualMachine, count: int) -> list[bytes]:
    found: list[bytes] = []
    at = 12 * 3600.0
    while len(found) < count:
        if machine.runs_through(at, CLIP_S):
            found.append(machine.clip(at, CLIP_S).tobytes())
        at += 300.0
    return found


def _decoded(pcm: bytes) -> Sound:
    return decode_pcm(pcm, sample_rate_hz=ANALYSIS_RATE_HZ, bits_per_sample=16)


def _quality_and_features(pcm: bytes) -> NDArray[np.float32]:
    sound = _decoded(pcm)
    assert assess_quality(sound).assessable
    features: NDArray[np.float32] = FEATURE_SETS[FEATURES].extract(prepare(sound).samples)
    return features


def _fit(vectors: NDArray[np.float32]) -> Any:
    return learn(DETECTOR, vectors, FEATURE_SETS[FEATURES].names())


def hear(ear: Ear, pcm: bytes) -> tuple[Any, Any, NDArray[np.float32]]:
    """One clip from bytes to diagnosis, also where it is normal: (assessment, diagnosis, features)."""
    names = FEATURE_SETS[FEATURES].names()
    features = _quality_and_features(pcm)
    runstate.estimate(ear.states, features, names, UNKNOWN)
    assessment = DETECTORS[DETECTOR].assess(ear.baseline, features)
    return assessment, diagnose(features, ear.baseline, names), features


def _picture(ear: Ear, pcm: bytes) -> bytes:
    """The explanation of one clip with its marked picture, from bytes, as when a person asks for it."""
    assessment, diagnosis, features = hear(ear, pcm)
    sound = prepare(_decoded(pcm))
    told = explanation.explain(
        ear.baseline,
        features,
        FEATURE_SETS[FEATURES].names(),
        assessment=assessment,
        log_mel=spectra.log_mel(sound.samples),
        duration_s=sound.duration_s,
        diagnosis=diagnosis,
    )
    width, height = PICTURE_PX
    png: bytes = spectrogram_png(sound, width=width, height=height, marks=told.marks())
    return png


def _times(ear: Ear, heard: list[bytes], librosa_python: Path | None) -> list[Figure]:
    sounds = [prepare(_decoded(pcm)).samples for pcm in heard]
    steps: dict[str, Callable[[int], object]] = {
        "clip": lambda i: hear(ear, heard[i]),
        "quality and features": lambda i: _quality_and_features(heard[i]),
        "picture": lambda i: _picture(ear, heard[i]),
        "log-mel": lambda i: spectra.log_mel(sounds[i]),
    }
    taken: dict[str, list[float]] = {name: [] for name in (*steps, "librosa")}
    librosa = Librosa(librosa_python, sounds, ONE_THREAD) if librosa_python else None
    try:
        for _ in range(ROUNDS):
            for name, step in steps.items():
                taken[name] += [_seconds(step, i) for i in range(len(heard))]
            if librosa is not None:
                taken["librosa"] += librosa.round()
    finally:
        if librosa is not None:
            librosa.close()
    median_ms = {name: 1000 * statistics.median(times) for name, times in taken.items() if times}
    figures = [
        Figure("a 10 s clip, from bytes to diagnosis", median_ms["clip"], "ms", 5.0),
        Figure("  of it decoding, quality and features", median_ms["quality and features"], "ms"),
        Figure("the same to our own log-mel alone", median_ms["clip"] / median_ms["log-mel"], "x"),
        Figure("hearing, explaining, drawing the marked picture", median_ms["picture"], "ms", 30.0),
    ]
    if librosa is None:
        print("librosa: not measured; --librosa-python PATH names a Python that has it")
        return figures
    return [
        *figures,
        Figure(f"librosa {librosa.version}, log-mel alone", median_ms["librosa"], "ms"),
        Figure("a clip to librosa's log-mel", median_ms["clip"] / median_ms["librosa"], "x", 3.0),
        Figure("our log-mel to librosa's", median_ms["log-mel"] / median_ms["librosa"], "x"),
    ]


def _seconds(step: Callable[[int], object], i: int) -> float:
    start = process_time()
    step(i)
    return process_time() - start


def _fits(ear: Ear, vectors: NDArray[np.float32]) -> list[Figure]:
    """One baseline, then the daily re-fit: 100 machines, drawn from the clips of the one with some noise."""
    times = [_seconds(lambda _: _fit(vectors), 0) for _ in range(3)]
    rng = np.random.default_rng(SEED)
    names = FEATURE_SETS[FEATURES].names()
    spread = np.nan_to_num(ear.baseline.scale)
    total = 0.0
    for _ in range(MACHINES):
        rows = vectors[np.sort(rng.integers(len(vectors), size=len(vectors)))]
        own = (rows + 0.3 * spread * rng.standard_normal(rows.shape)).astype(np.float32)
        start = process_time()
        _fit(own)
        runstate.learn(own, (), names)
        total += process_time() - start
    return [
        Figure(f"baseline from {len(vectors)} clips", statistics.median(times), "s", 2.0),
        Figure(f"daily re-fit of {MACHINES} machines, {len(vectors)} clips each", total, "s", 60.0),
    ]


def _import_time() -> Figure:
    program = f"import time; t = time.process_time(); import {ENGINE}; print(time.process_time() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
        for _ in range(IMPORTS)
    ]
    return Figure("import of the engine", statistics.median(times), "s", 1.0)


def _memory(ear: Ear, heard: list[bytes], clips: int) -> list[Figure]:
    """In a process of its own, with nothing of this one but its modules."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool,
    ):
        path = Path(folder) / "clips.npy"
        np.save(path, np.stack([np.frombuffer(pcm, "<i2") for pcm in heard]))
        early, late = pool.submit(hear_many, path, ear, clips).result()
    return [
        Figure(f"memory of the engine after {clips:,} clips", late / 2**20, "MiB", 300.0),
        Figure(f"  more than after {clips // 20:,}", (late - early) / 2**20, "MiB", 5.0),
    ]


def hear_many(path: Path, ear: Ear, clips: int) -> tuple[int, int]:
    """Hear so many clips; bytes of memory after a twentieth of them and at the end."""
    heard = [row.tobytes() for row in np.load(path)]
    early = 0
    for i in range(clips):
        hear(ear, heard[i % len(heard)])
        if i == clips // 20:
            early = kernel.memory_bytes({os.getpid()})
    return early, kernel.memory_bytes({os.getpid()})


if __name__ == "__main__":
    typer.run(main)
