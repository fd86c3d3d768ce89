"""One clip against one baseline: score, diagnosis, explanation, nearest healthy clip. No database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft import dsp
from signalcraft.acoustics.learning.fitting import Loaded
from signalcraft.anomaly import explanation, operation
from signalcraft.anomaly.decision import Assessed
from signalcraft.anomaly.diagnosis.combined import diagnose, diagnose_unheard
from signalcraft.anomaly.diagnosis.learned_v1 import Head
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp import spectra
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS

Samples = Callable[[], NDArray[np.float32] | None]
"""Gives the sound when it is needed: most clips are normal, and nothing more is asked of them."""


def judge(
    loaded: Loaded,
    features: NDArray[np.float32],
    *,
    samples: Samples,
    segment_samples: int | None,
    surroundings: Surroundings,
    head: tuple[int, Head] | None,
) -> dict[str, Any]:
    """The columns of the result. A normal clip has a diagnosis only of what the sensors tell unheard.

    features: float32 (p,) of the current set. samples: gives the sound, float32 (n,), to tell moments in it.
    head: the trained classifier with its id, where there is one.
    """
    names = FEATURE_SETS[FEATURES].names()
    assessment = loaded.assess(features)
    step = features[[feature.name for feature in names].index("hum_step_db")]
    # At once only what a machine does that was running before; else the next clips must say it too.
    grave = assessment.grave and not operation.is_between_states(float(step), surroundings.previous_state)
    low, high = getattr(assessment, "tail_interval", (None, None))
    columns: dict[str, Any] = {
        "detector": loaded.detector,
        "verdict": assessment.verdict,
        "score": assessment.score,
        "score_limit": assessment.limit,
        "tail_probability": assessment.tail_probability,
        "tail_low": low,
        "tail_high": high,
        "grave": grave,
        "nearest_clip_id": loaded.nearest_clip(features),
        "condition": None,
        "diagnosis": None,
        "head_id": None,
    }
    if assessment.verdict == "normal" and operation.may_start_too_often(surroundings.starts_per_hour):
        unheard = diagnose_unheard(surroundings, loaded.surroundings)
        if unheard is not None:
            columns["condition"] = unheard.condition
            columns["diagnosis"] = unheard.as_json()
    found: dict[str, Any] = {}
    if Assessed(assessment.ratio, assessment.grave, assessment.tail_probability).unusual:
        found = _found(
            loaded, features, samples(), segment_samples, surroundings, head, grave=assessment.grave
        )
    if assessment.verdict == "anomalous":
        columns |= found
    else:
        told = explanation.explain(loaded.fitted, features, names, assessment=assessment)
        columns["explanation"], columns["summary"] = told.as_json(), told.summary
        if found:
            # An alarm that rests on this clip and those before it will say so.
            columns["explanation"]["if_it_lasts"] = found
    columns["explanation"]["scorers"] = getattr(assessment, "scorers", {})
    return columns


@dataclass(frozen=True)
class _Anomalous:
    """For `explanation.explain`: a clip to be explained, whatever the detector said of it alone."""

    grave: bool
    verdict: str = "anomalous"


def _found(
    loaded: Loaded,
    features: NDArray[np.float32],
    sound: NDArray[np.float32] | None,
    segment_samples: int | None,
    surroundings: Surroundings,
    head: tuple[int, Head] | None,
    *,
    grave: bool,
) -> dict[str, Any]:
    """The columns that say what is wrong in a clip that is not as usual."""
    names = FEATURE_SETS[FEATURES].names()
    diagnosis = diagnose(
        features,
        loaded.fitted,
        names,
        surroundings,
        usual_surroundings=loaded.surroundings,
        head=head[1] if head is not None else None,
    )
    told = explanation.explain(
        loaded.fitted,
        features,
        names,
        assessment=_Anomalous(grave),
        log_mel=None if sound is None else spectra.log_mel(sound, segment_samples=segment_samples),
        duration_s=None if sound is None else sound.size / dsp.ANALYSIS_RATE_HZ,
        diagnosis=diagnosis,
    )
    return {
        "condition": diagnosis.condition,
        "diagnosis": diagnosis.as_json(),
        "head_id": head[0] if head is not None else None,
        "explanation": told.as_json(),
        "summary": told.summary,
    }
