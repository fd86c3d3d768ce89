"""`signalcraft listen`: what the engine hears in one file, against healthy recordings of the same machine."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from signalcraft.anomaly import CURRENT, DETECTORS, FEATURES_OF, BaselineError, explanation, learn, sentences
from signalcraft.anomaly.diagnosis import Diagnosis, diagnose
from signalcraft.dsp import AudioDecodeError, DspError, Quality, Sound, assess_quality, decode, prepare
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
        console.print(f"[red]{file}: {error}[/red]", highlight=False)
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
    healthy, left_out = _healthy_features(baseline_from)
    detector, names = DETECTORS[CURRENT], FEATURE_SETS[FEATURES].names()
    baseline = learn(CURRENT, healthy, names)
    assessment = detector.assess(baseline, features)
    console.print(
        f"verdict: {assessment.verdict}{', grave' if assessment.grave else ''};"
        f" score {assessment.score:.2f}, limit {assessment.limit:.2f};"
        f" at most {assessment.tail_probability:.1%} of healthy clips score this high"
        f" ({CURRENT}, {len(healthy)} healthy clips, {left_out} left out)",
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


def _healthy_features(folder: Path) -> tuple[NDArray[np.float32], int]:
    """(clips, p) of the folder's assessable sounds not labelled anomalous; how many were left out."""
    found, left_out = [], 0
    for file in sound_files(folder):
        if is_anomalous(file):
            continue
        sound = _decoded(file)
        if assess_quality(sound).assessable:
            found.append(FEATURE_SETS[FEATURES].extract(prepare(sound).samples))
        else:
            left_out += 1
    if not found:
        raise BaselineError(f"{folder}: no healthy recording to learn from")
    return np.stack(found), left_out


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
