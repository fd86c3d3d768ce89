"""What differs from the machine's healthy sound: bands, tones, moments, and sentences for its owner."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly import DETECTORS, sentences
from signalcraft.anomaly.diagnosis.conditions import Text
from signalcraft.anomaly.diagnosis.findings import Diagnosis
from signalcraft.anomaly.diagnosis.indicators import NamedValue, Usual
from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.moments import Moment, find_moments
from signalcraft.dsp.marks import Marks

MAX_BANDS = 5
MAX_LINES = 5
MIN_DEVIATIONS = 3.0  # robust sigmas: one healthy Gaussian value in 370 is that far out
MIN_DELTA_DB = 1.0  # about the smallest change in level that a person hears
MIN_LINE_DB = 3.0  # a tone's level in one clip is uncertain by a decibel or two where noise is near

# Which tone a feature tells of: the value that holds its frequency, and its order.
_TONES = {
    "hum_2_db": ("mains_hz", 2.0),
    "hum_4_db": ("mains_hz", 4.0),
    "hum_6_db": ("mains_hz", 6.0),
    "hum_8_db": ("mains_hz", 8.0),
    "shaft_half_db": ("shaft_hz", 0.5),
    "shaft_1_db": ("shaft_hz", 1.0),
    "shaft_2_db": ("shaft_hz", 2.0),
    "shaft_3_db": ("shaft_hz", 3.0),
    "shaft_4_db": ("shaft_hz", 4.0),
    "fan_db": ("fan_hz", 1.0),
}


class Assessed(Protocol):
    """The part of a detector's assessment that is explained."""

    @property
    def verdict(self) -> str: ...
    @property
    def grave(self) -> bool: ...


@dataclass(frozen=True)
class Band:
    """A range of frequencies that differs from the healthy clips, positive is more.

    delta_db: mean difference in dB. deviations: the same in robust standard deviations of the healthy clips.
    kind: `level` (louder or quieter) or `variation` (more or less unsteady).
    """

    low_hz: float
    high_hz: float
    delta_db: float
    deviations: float
    kind: Literal["level", "variation"]


@dataclass(frozen=True)
class Line:
    """A tone of the mains, the shaft or the fan that differs. hz: where it is in this clip. source: `hum`,
    `shaft` or `fan`. order: its multiple of the source's own frequency."""

    hz: float
    delta_db: float
    deviations: float
    source: Literal["hum", "shaft", "fan"]
    order: float


@dataclass(frozen=True)
class Explanation:
    """bands, lines: the most striking first. moments: in the order of time. All empty for a normal clip, and
    where only the relation of many bands changed. summary: what was heard; advice: what to do next."""

    bands: tuple[Band, ...]
    summary: Text
    advice: Text
    lines: tuple[Line, ...] = ()
    moments: tuple[Moment, ...] = ()

    def marks(self) -> Marks:
        """The same for `dsp.spectrogram`."""
        return Marks(
            bands=tuple((band.low_hz, band.high_hz) for band in self.bands),
            lines=tuple(line.hz for line in self.lines),
            moments=tuple((moment.start_s, moment.end_s) for moment in self.moments),
        )

    def as_json(self) -> dict[str, Any]:
        """For storing, without the summary: `bands`, `lines`, `moments`, `advice`."""
        return {
            "bands": [asdict(band) for band in self.bands],
            "lines": [asdict(line) for line in self.lines],
            "moments": [asdict(moment) for moment in self.moments],
            "advice": self.advice,
        }


def explain(
    baseline: Usual,
    x: ArrayLike,
    names: Sequence[NamedValue],
    *,
    assessment: Assessed | None = None,
    log_mel: NDArray[np.float32] | None = None,
    duration_s: float | None = None,
    diagnosis: Diagnosis | None = None,
) -> Explanation:
    """Explain a feature vector (p,) whose values `names` describes, in the same order.

    baseline: of any detector. assessment: what the detector made of x; asked again if left out. log_mel:
    float32 (frames, N_MELS) of the clip, duration_s long, where moments are wanted. diagnosis: of the clip.
    Raises BaselineError as the detector's `assess` does.
    """
    if assessment is None:
        assessment = _assess(baseline, x)
    if assessment.verdict == "normal":
        return Explanation((), sentences.NORMAL, sentences.NORMAL_ADVICE)
    vector = np.asarray(x, dtype=np.float64)
    delta = vector - baseline.centre
    # Not measured in this clip, or never before: no difference that could be told.
    known = np.isfinite(delta) & np.isfinite(baseline.scale) & (baseline.scale > 0)
    delta = np.where(known, delta, 0.0)
    deviations = np.where(known, delta / np.where(known, baseline.scale, 1.0), 0.0)
    bands = _striking_bands(delta, deviations, names)
    return Explanation(
        bands=bands,
        summary=sentences.summary([(b.kind, b.low_hz, b.high_hz, b.delta_db) for b in bands], diagnosis),
        advice=sentences.advice(diagnosis, grave=assessment.grave),
        lines=_striking_lines(vector, delta, deviations, names),
        moments=()
        if log_mel is None
        else find_moments(log_mel, baseline.centre, names, duration_s=duration_s),
    )


def _assess(baseline: Usual, x: ArrayLike) -> Assessed:
    for detector in DETECTORS.values():
        if isinstance(baseline, detector.Baseline):
            assessment: Assessed = detector.assess(baseline, x)
            return assessment
    raise BaselineError("this baseline belongs to no known detector")


def _striking_bands(
    delta_db: NDArray[np.float64], deviations: NDArray[np.float64], names: Sequence[NamedValue]
) -> tuple[Band, ...]:
    told = np.array([feature.kind in ("level", "variation") for feature in names])
    striking = told & (np.abs(deviations) >= MIN_DEVIATIONS) & (np.abs(delta_db) >= MIN_DELTA_DB)
    groups: list[list[int]] = []
    for i in np.flatnonzero(striking).tolist():
        if groups and _continues(names[groups[-1][-1]], names[i], delta_db[groups[-1][-1]] * delta_db[i]):
            groups[-1].append(i)
        else:
            groups.append([i])
    groups.sort(key=lambda group: -float(np.square(deviations[group]).sum()))
    return tuple(
        Band(
            low_hz=names[group[0]].low_hz,
            high_hz=names[group[-1]].high_hz,
            delta_db=float(delta_db[group].mean()),
            deviations=float(deviations[group].mean()),
            kind="level" if names[group[0]].kind == "level" else "variation",
        )
        for group in groups[:MAX_BANDS]
    )


def _continues(last: NamedValue, following: NamedValue, product: float) -> bool:
    """Neighbours of one kind that differ in the same direction make one range."""
    return last.kind == following.kind and last.high_hz == following.low_hz and product > 0


def _striking_lines(
    vector: NDArray[np.float64],
    delta_db: NDArray[np.float64],
    deviations: NDArray[np.float64],
    names: Sequence[NamedValue],
) -> tuple[Line, ...]:
    by_name = {feature.name: i for i, feature in enumerate(names)}
    found = []
    for name, (frequency, order) in _TONES.items():
        if name not in by_name or frequency not in by_name:
            continue
        i, hz = by_name[name], float(vector[by_name[frequency]]) * order
        if abs(deviations[i]) < MIN_DEVIATIONS or abs(delta_db[i]) < MIN_LINE_DB or not math.isfinite(hz):
            continue
        source: Literal["hum", "shaft", "fan"] = (
            "hum" if frequency == "mains_hz" else "shaft" if frequency == "shaft_hz" else "fan"
        )
        found.append(Line(hz, float(delta_db[i]), float(deviations[i]), source, order))
    found.sort(key=lambda line: -abs(line.delta_db))
    return tuple(found[:MAX_LINES])
