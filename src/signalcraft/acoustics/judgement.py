"""One clip against one baseline: score, diagnosis, explanation, nearest healthy clip. No database."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft import dsp
from signalcraft.acoustics.learning.fitting import Loaded
from signalcraft.anomaly import explanation
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
    low, high = getattr(assessment, "tail_interval", (None, None))
    columns: dict[str, Any] = {
        "detector": loaded.detector,
        "verdict": assessment.verdict,
        "score": assessment.score,
        "score_limit": assessment.limit,
        "tail_probability": assessment.tail_probability,
        "tail_low": low,
        "tail_high": high,
        "grave": assessment.grave,
        "nearest_clip_id": loaded.nearest_clip(features),
        "condition": None,
        "diagnosis": None,
        "head_id": None,
    }
    diagnosis = None
    if assessment.verdict == "anomalous":
        diagnosis = diagnose(
            features,
            loaded.fitted,
            names,
            surroundings,
            usual_surroundings=loaded.surroundings,
            head=head[1] if head is not None else None,
        )
        columns["condition"] = diagnosis.condition
        columns["diagnosis"] = diagnosis.as_json()
        columns["head_id"] = head[0] if head is not None else None
    elif (unheard := diagnose_unheard(surroundings, loaded.surroundings)) is not None:
        columns["condition"] = unheard.condition
        columns["diagnosis"] = unheard.as_json()
    heard = samples() if diagnosis is not None else None
    told = explanation.explain(
        loaded.fitted,
        features,
        names,
        assessment=assessment,
        log_mel=None if heard is None else spectra.log_mel(heard, segment_samples=segment_samples),
        duration_s=None if heard is None else heard.size / dsp.ANALYSIS_RATE_HZ,
        diagnosis=diagnosis,
    )
    columns["explanation"] = {**told.as_json(), "scorers": getattr(assessment, "scorers", {})}
    columns["summary"] = told.summary
    return columns
