"""`signalcraft listen`: what the engine hears in one file, against healthy recordings of the same machine."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from signalcraft.anomaly import (
    CURRENT,
    DETECTORS,
    FEATURES_OF,
    BaselineError,
    explanation,
    learn,
    runstate,
    sentences,
)
from signalcraft.anomaly.diagnosis import Diagnosis, diagnose
from signalcraft.dsp import (
    AudioDecodeError,
    DspError,
    Quality,
    Sound,
    assess_quality,
    decode,
    incomparable,
    prepare,
)
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.dsp.marks import Marks
from signalcraft.dsp.spectra import log_mel
from signalcraft.dsp.spectrogram import spectrogram_png
from signalcraft.evaluation.layouts import is_anomalous, sound_files

console = Console()

FEATURES = FEATURES_OF[CURRENT]
MAX_DURATION_S = 600.0
"""Ten minutes of sound take some 100 MB to look at; a machine is judged by ten seconds."""
PICTURE_PX = (960, 400)
LOUDEST_SHOWN = 5
EVIDENCE_SHOWN = 4
SAME_STATE_CLIPS = 20  # a detector's least: with fewer in the same run state, the whole folder is learned


@dataclass(frozen=True)
class Healthy:
    """Recordings of a folder. features: (n, p). duration_s, rate_hz: medians, of the files themselves.
    left_out: how many were not assessable."""

    features: NDArray[np.float32]
    duration_s: float
    rate_hz: int
    left_out: int


def listen(
    file: Annotated[Path, typer.Argument(help="A sound file.", metavar="FILE")],
    baseline_from: Annotated[
        Path | None, typer.Option(help="Folder with healthy recordings of the same machine.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Where the spectrogram goes; FILE.png in this folder if left out.")
    ] = None,
) -> None:
    """Diagnose one sound file. 소리 파일 하나를 진단합니다."""
    try:
        sound = _decoded(file)
        quality = assess_quality(sound)
        _show_quality(quality)
        if not quality.assessable:
            _say(sentences.not_assessable(quality.reasons))
            raise typer.Exit(1)
        prepared = prepare(sound)
        marks = _show_verdict(prepared, baseline_from)
        target = picture or Path(f"{file.stem}.png")
        width, height = PICTURE_PX
        target.write_bytes(spectrogram_png(prepared, width=width, height=height, marks=marks))
    except (AudioDecodeError, DspError, BaselineError, OSError) as error:
        # What is wrong with the healthy recordings names their own file or folder.
        about = "" if isinstance(error, OSError | BaselineError) else f"{file}: "
        console.print(f"{about}{error}", style="red", highlight=False, markup=False)
        raise typer.Exit(2) from error
    console.print(f"picture: {target}", highlight=False)


def _decoded(file: Path) -> Sound:
    return decode(file.read_bytes(), max_duration_s=MAX_DURATION_S)


def _show_quality(quality: Quality) -> None:
    console.print(
        f"quality: {'assessable' if quality.assessable else 'not assessable'}, {quality.duration_s:.1f} s,"
        f" rms {quality.rms_dbfs:.1f} dBFS, peak {quality.peak_dbfs:.1f} dBFS,"
        f" clipped {quality.clipped_fraction:.2%}",
        highlight=False,
    )


def _show_verdict(sound: Sound, baseline_from: Path | None) -> Marks | None:
    """What differs, for the picture."""
    features = FEATURE_SETS[FEATURES].extract(sound.samples)
    if baseline_from is None:
        console.print("verdict: none without --baseline-from; the loudest bands are", highlight=False)
        _show_loudest(features)
        return None
    healthy = _healthy(baseline_from)
    reasons = incomparable(
        sound.duration_s,
        sound.source_rate_hz,
        usual_duration_s=healthy.duration_s,
        usual_rate_hz=healthy.rate_hz,
    )
    if reasons:
        _say(sentences.not_assessable(reasons))
        raise typer.Exit(1)
    detector, names = DETECTORS[CURRENT], FEATURE_SETS[FEATURES].names()
    state, alike = _in_same_state(healthy.features, features)
    baseline = learn(CURRENT, alike, names)
    assessment = detector.assess(baseline, features)
    console.print(f"state: {state.state} ({state.probability:.0%}, {runstate.NAME})", highlight=False)
    console.print(
        f"verdict: {assessment.verdict}{', grave' if assessment.grave else ''};"
        f" score {assessment.score:.2f}, limit {assessment.limit:.2f};"
        f" {_share(assessment.tail_probability)} of healthy clips score this high,"
        f" at most {_share(assessment.tail_interval[1])}"
        f" ({CURRENT}, {len(alike)} of {len(healthy.features)} healthy clips,"
        f" {healthy.left_out} not assessable)",
        highlight=False,
    )
    diagnosis = None
    if assessment.verdict != "normal":
        diagnosis = diagnose(features, baseline, names)
    told = explanation.explain(
        baseline,
        features,
        names,
        assessment=assessment,
        log_mel=log_mel(sound.samples),
        duration_s=sound.duration_s,
        diagnosis=diagnosis,
    )
    _say(told.summary)
    _say(told.advice)
    if diagnosis is not None:
        _show_diagnosis(diagnosis)
    _show_differences(told)
    return told.marks()


def _show_diagnosis(diagnosis: Diagnosis) -> None:
    table = Table("condition", "probability", "evidence for (+) and against (-)", title=diagnosis.method)
    for finding in diagnosis.findings:
        evidence = "\n".join(
            f"{'+' if one.weight > 0 else '-'} {one.text['en']}: {one.delta:+.3g} {one.unit},"
            f" {one.deviations:+.1f} deviations"
            for one in finding.evidence[:EVIDENCE_SHOWN]
        )
        title = finding.about.title
        table.add_row(f"{title['en']}\n{title['ko']}", f"{finding.probability:.0%}", evidence)
    console.print(table)


def _show_differences(told: explanation.Explanation) -> None:
    if not told.bands and not told.lines and not told.moments:
        return
    table = Table("where", "what", "difference dB", "deviations")
    rows: list[tuple[str, str, float, float]] = [
        (_range(b.low_hz, b.high_hz), b.kind, b.delta_db, b.deviations) for b in told.bands
    ]
    rows += [(f"{a.hz:.1f} Hz", f"{a.source} x {a.order:g}", a.delta_db, a.deviations) for a in told.lines]
    rows += [(f"{m.start_s:.1f}–{m.end_s:.1f} s", "moment", m.delta_db, m.deviations) for m in told.moments]
    for where, what, delta_db, deviations in rows:
        table.add_row(where, what, f"{delta_db:+.1f}", f"{deviations:+.1f}")
    console.print(table)


def _healthy(folder: Path) -> Healthy:
    """The folder's assessable sounds not labelled anomalous."""
    if not folder.is_dir():
        raise BaselineError(f"{folder} is no folder with healthy recordings")
    features, durations, rates, left_out = [], [], [], 0
    for file in sound_files(folder):
        if is_anomalous(file):
            continue
        try:
            sound = _decoded(file)
        except AudioDecodeError as error:
            raise AudioDecodeError(error.reason, f"{file}: {error}") from error
        if assess_quality(sound).assessable:
            features.append(FEATURE_SETS[FEATURES].extract(prepare(sound).samples))
            durations.append(sound.duration_s)
            rates.append(sound.source_rate_hz)
        else:
            left_out += 1
    if not features:
        raise BaselineError(f"{folder}: no healthy recording to learn from")
    return Healthy(np.stack(features), median(durations), sorted(rates)[len(rates) // 2], left_out)


def _in_same_state(
    healthy: NDArray[np.float32], features: NDArray[np.float32]
) -> tuple[runstate.StateEstimate, NDArray[np.float32]]:
    """The state of a clip, and the healthy clips (n, p) in the same one; all if those are too few."""
    names = FEATURE_SETS[FEATURES].names()
    model = runstate.learn(healthy, [], names)
    state = runstate.estimate(model, features, names)
    same = [runstate.estimate(model, x, names).state == state.state for x in healthy]
    return state, healthy[same] if sum(same) >= SAME_STATE_CLIPS else healthy


def _share(probability: float) -> str:
    """No finer than a hundredth of a per cent: never none of them."""
    return f"{probability:.2%}" if probability >= 0.0001 else "under 0.01%"


def _show_loudest(features: NDArray[np.float32]) -> None:
    levels = [
        (float(value), feature)
        for value, feature in zip(features, FEATURE_SETS[FEATURES].names(), strict=True)
        if feature.kind == "level"
    ]
    table = Table("band", "level dB")
    for value, feature in sorted(levels, key=lambda level: -level[0])[:LOUDEST_SHOWN]:
        table.add_row(_range(feature.low_hz, feature.high_hz), f"{value:.1f}")
    console.print(table)


def _range(low_hz: float, high_hz: float) -> str:
    return f"{low_hz:.0f}–{high_hz:.0f} Hz"


def _say(text: dict[str, str]) -> None:
    console.print(text["ko"], highlight=False)
    console.print(text["en"], highlight=False)
