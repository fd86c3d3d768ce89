"""Is this clip unlike the machine's healthy ones? Pure numeric: detectors, explanation, decision over time.

A detector that was used once is never edited, only succeeded: stored scores must be reproducible.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from signalcraft.anomaly import ensemble_v2, mahalanobis_v1
from signalcraft.anomaly.base import Detector
from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.scorers.views import Named

DETECTORS = {mahalanobis_v1.NAME: mahalanobis_v1, ensemble_v2.NAME: ensemble_v2}
CURRENT = ensemble_v2.NAME
FEATURES_OF = {mahalanobis_v1.NAME: "logmel-stats-1", ensemble_v2.NAME: "hearing-2"}
"""The feature set, by its name in `dsp.features`, that each detector was made for."""


def learn(detector: str, healthy: ArrayLike, names: Sequence[Named] | None = None) -> Any:
    """A baseline of a registered detector from vectors (n, p) in the order of recording.

    names: what the p values are, where it is known. Raises BaselineError.
    """
    if detector == mahalanobis_v1.NAME:
        return mahalanobis_v1.fit(healthy)
    return DETECTORS[detector].fit(healthy, names)


__all__ = ["CURRENT", "DETECTORS", "FEATURES_OF", "BaselineError", "Detector", "learn"]
