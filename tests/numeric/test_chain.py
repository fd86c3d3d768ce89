"""The whole way of a clip: file, quality, features, run state, baseline, score, diagnosis, explanation."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from signalcraft.anomaly import CURRENT, DETECTORS, explanation, learn, runstate
from signalcraft.anomaly.diagnosis import UNKNOWN, diagnose
from signalcraft.anomaly.sentences import REASONS
from signalcraft.dsp import (
    ANALYSIS_RATE_HZ,
    DspError,
    Sound,
    assess_quality,
    decode,
    incomparable,
    prepare,
    spectra,
)
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.dsp.sound import resample
from signalcraft.dsp.spectrogram import spectrogram_png
from signalcraft.simulation import VirtualMachine, lasting

from .signals import encoded

SEED, HEALTHY = 505, 24
FEATURES = FEATURE_SETS["hearing-2"]
NAMES = FEATURES.names()
FRAGMENT = 1024  # samples: how old firmware sends sound


@dataclass(frozen=True)
class Learned:
    baseline: Any
    states: runstate.StateModel


def clips(fault: str | None = None) -> Iterator[NDArray[np.float32]]:
    """The running machine every ten minutes."""
    machine = VirtualMachine(SEED, fault=None if fault is None else lasting(fault, 1.0))
    at = 0.0
    while True:
        if machine.runs_through(at, 10.0):
            yield machine.clip(at, 10.0).astype(np.float32) / 32768
        at += 600.0


def learned_from(sounds: list[NDArray[np.float32]]) -> Learned:
    xs = np.stack([FEATURES.extract(sound) for sound in sounds])
    return Learned(learn(CURRENT, xs, NAMES), runstate.learn(xs, [], NAMES))


def told(learned: Learned, samples: NDArray[np.float32], *, segment_samples: int | None = None) -> Any:
    """(state, assessment, diagnosis, explanation) of prepared sound."""
    x = FEATURES.extract(samples, segment_samples=segment_samples)
    assessment = DETECTORS[CURRENT].assess(learned.baseline, x)
    diagnosis = diagnose(x, learned.baseline, NAMES)
    explained = explanation.explain(
        learned.baseline,
        x,
        NAMES,
        assessment=assessment,
        log_mel=spectra.log_mel(samples, segment_samples=segment_samples),
        duration_s=samples.size / ANALYSIS_RATE_HZ,
        diagnosis=diagnosis,
    )
    return runstate.estimate(learned.states, x, NAMES), assessment, diagnosis, explained


def fingerprint() -> str:
    """Of everything that a machine's healthy clips and one bad one lead to, with its picture."""
    sounds = list(islice(clips(), HEALTHY))
    learned = learned_from(sounds)
    made = [learned.baseline.to_bytes(), learned.states.to_bytes()]
    for sound in (sounds[0], next(clips("bearing_wear"))):
        prepared = prepare(decode(encoded(sound, "wav"), max_duration_s=60))
        answer = told(learned, prepared.samples)
        made += [
            repr(answer).encode(),
            spectrogram_png(prepared, width=480, height=200, marks=answer[3].marks()),
        ]
    return hashlib.sha256(b"".join(made)).hexdigest()


def test_the_same_sound_gives_the_same_bits_in_any_process_with_any_number_of_threads() -> None:
    asked = f"from {__name__} import fingerprint; print(fingerprint())"
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", asked],
            env={
                **os.environ,
                "OMP_NUM_THREADS": threads,
                "OPENBLAS_NUM_THREADS": threads,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for threads in ("1", "2")
    ]
    answers = {process.communicate()[0].strip() for process in running}
    assert len(answers) == 1
    assert len(answers.pop()) == 64


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learned_from(list(islice(clips(), HEALTHY)))


@pytest.fixture(scope="module")
def next_clip() -> NDArray[np.float32]:
    """A healthy one that was not learned."""
    return next(islice(clips(), HEALTHY, None))


def _against_ten_seconds(sound: Sound) -> tuple[str, ...]:
    return incomparable(
        sound.duration_s, sound.source_rate_hz, usual_duration_s=10.0, usual_rate_hz=ANALYSIS_RATE_HZ
    )


def test_a_healthy_clip_is_as_usual_with_eight_channels_too(
    learned: Learned, next_clip: NDArray[np.float32]
) -> None:
    sound = decode(encoded(np.stack([next_clip] * 8, axis=1), "wav"), max_duration_s=60)
    assert not _against_ten_seconds(sound)
    state, assessment, diagnosis, explained = told(learned, prepare(sound).samples)
    assert state.state == "running"
    assert assessment.verdict == "normal"
    assert diagnosis.condition == UNKNOWN
    assert explained.bands == ()


def test_fragments_of_old_firmware_are_as_usual_too(learned: Learned, next_clip: NDArray[np.float32]) -> None:
    joined = next_clip[: next_clip.size // FRAGMENT * FRAGMENT]
    _, assessment, diagnosis, _ = told(learned, joined, segment_samples=FRAGMENT)
    assert not assessment.grave
    assert assessment.verdict == "normal"
    assert diagnosis.condition == UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "reason"),
    [(2.0, 16_000, "shorter"), (10.0, 8_000, "other_rate"), (10.0, 192_000, "other_rate")],
)
def test_what_cannot_be_compared_says_why(
    next_clip: NDArray[np.float32], seconds: float, rate_hz: int, reason: str
) -> None:
    cut = resample(next_clip[: round(seconds * ANALYSIS_RATE_HZ)], up=rate_hz, down=ANALYSIS_RATE_HZ)
    sound = decode(encoded(cut, "wav", rate_hz=rate_hz), max_duration_s=60)
    assert assess_quality(sound).assessable
    assert _against_ten_seconds(sound) == (reason,)
    same = {"usual_duration_s": seconds, "usual_rate_hz": rate_hz}
    assert incomparable(sound.duration_s, sound.source_rate_hz, **same) == ()


@pytest.mark.parametrize(
    "samples",
    [
        np.full(32_000, np.nan, np.float32),
        np.where(np.arange(32_000) == 7, np.inf, 0.1).astype(np.float32),
        np.zeros(0, np.float32),
        np.full(1, 0.1, np.float32),
        np.zeros(160_000, np.float32),
        np.where(np.arange(160_000) // 80 % 2, 1.0, -1.0).astype(np.float32),
        np.full(160_000, 0.5, np.float32),
    ],
    ids=["nan", "infinite", "empty", "one sample", "zeros", "full-scale square", "constant"],
)
def test_bad_sound_ends_before_anything_is_judged(samples: NDArray[np.float32]) -> None:
    try:
        quality = assess_quality(decode(in_float(samples), max_duration_s=60))
    except DspError:
        return
    assert not quality.assessable
    assert all(REASONS[reason]["ko"] for reason in quality.reasons)


def test_an_hour_is_refused_by_name() -> None:
    hour = encoded(np.zeros(3600 * 8_000, np.float32), "flac", rate_hz=8_000)
    with pytest.raises(DspError, match="longer than 600 seconds"):
        decode(hour, max_duration_s=600)


def in_float(samples: NDArray[np.float32]) -> bytes:
    """As WAV of 32-bit floats, which hold what 16 bits cannot."""
    file = BytesIO()
    soundfile.write(file, samples, ANALYSIS_RATE_HZ, format="WAV", subtype="FLOAT")
    return file.getvalue()


def test_a_baseline_without_what_fragments_cannot_tell_judges_whole_clips(
    next_clip: NDArray[np.float32],
) -> None:
    sounds = list(islice(clips(), HEALTHY))
    xs = np.stack([FEATURES.extract(s[: FRAGMENT * 150], segment_samples=FRAGMENT) for s in sounds])
    assert np.isnan(xs).all(axis=0).any()
    joined = Learned(learn(CURRENT, xs, NAMES), runstate.learn(xs, [], NAMES))
    state, assessment, diagnosis, _ = told(joined, next_clip)
    assert state.state == "running"
    assert assessment.verdict == "normal"
    assert diagnosis.condition == UNKNOWN
