"""What a detector is. One module per detector, registered in `signalcraft.anomaly.DETECTORS`.

A detector takes feature vectors, so that data which come as features can be judged too.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Calibrated(Protocol):
    """What every baseline tells about the healthy clips it was made from.

    healthy_scores: float64 (n,), ascending, each clip's score under a fit that had not seen it. limit: what
    healthy clips stay under; a score above it is anomalous, `GRAVE_RATIO` limits are grave.
    """

    @property
    def healthy_scores(self) -> NDArray[np.float64]: ...
    @property
    def limit(self) -> float: ...


class Detector(Protocol):
    """A module, or an object, that learns what is healthy and scores what comes after.

    Deterministic to the last bit. A baseline is the detector's own frozen dataclass of plain arrays, and
    Calibrated. `Any`: a baseline is only ever handed back to the detector that made it.
    """

    NAME: str
    GRAVE_RATIO: float

    def fit(self, healthy: ArrayLike) -> Any:
        """A baseline from vectors (n, p) in the order of recording. Raises BaselineError."""

    def score(self, baseline: Any, x: ArrayLike) -> float:
        """One vector (p,): **higher is more anomalous**. Raises BaselineError."""
