"""`signalcraft listen`: what the engine hears in one file, against healthy recordings of the same machine."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from signalcraft.anomaly import CURRENT, DETECTORS, BaselineError, explanation, sentences
from signalcraft.dsp import AudioDecodeError, DspError, Quality, Sound, assess_quality, decode, prepare
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.dsp.spectrogram import spectrogram_png
from signalcraft.evaluation.layouts import is_anomalous, sound_files

console = Console()

MAX_DURATION_S = 600.0
"""Ten minutes of sound take some 100 MB to look at; a machine is judged by ten seconds."""
PICTURE_PX = (960, 400)
LOUDEST_SHOWN = 5


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
        _show_verdict(FEATURE_SETS[FEATURES].extract(prepared.samples), baseline_from)
        target = picture or Path(f"{file.stem}.png")
        width, height = PICTURE_PX
        target.write_bytes(spectrogram_png(prepared, width=width, height=height))
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


def _show_verdict(features: NDArray[np.float32], baseline_from: Path | None) -> None:
    if baseline_from is None:
        console.print("verdict: none without --baseline-from; the loudest bands are", highlight=False)
        _show_loudest(features)
        return
    healthy, left_out = _healthy_features(baseline_from)
    detector = DETECTORS[CURRENT]
    baseline = detector.fit(healthy)
    assessment = detector.assess(baseline, features)
    told = explanation.explain(baseline, features, FEATURE_SETS[FEATURES].names())
    console.print(
        f"verdict: {assessment.verdict}{', grave' if assessment.grave else ''};"
        f" score {assessment.score:.2f}, limit {assessment.limit:.2f};"
        f" at most {assessment.tail_probability:.1%} of healthy clips score this high"
        f" ({CURRENT}, {len(healthy)} healthy clips, {left_out} left out)",
        highlight=False,
    )
    _say(told.summary)
    _say(told.advice)
    if told.bands:
        table = Table("band", "kind", "difference dB", "deviations")
        for band in told.bands:
            table.add_row(
                _range(band.low_hz, band.high_hz),
                band.kind,
                f"{band.delta_db:+.1f}",
                f"{band.deviations:+.1f}",
            )
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
