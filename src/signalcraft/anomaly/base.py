"""What a detector is. One module per detector, registered in `signalcraft.anomaly.DETECTORS`.

Every detector takes feature vectors, so that data which come as features can be judged too. One that needs a
clip's course over time takes log-mel spectrograms besides, and must then be better at it than on vectors.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

# One clip: float32 (frames, spectra.N_MELS), dB relative to a full-scale sine, as `spectra.log_mel` makes it.
LogMel = NDArray[np.float32]


class Calibrated(Protocol):
    """What every baseline tells about the healthy clips it was made from.

    healthy_scores: float64 (n,), ascending, each clip's score under a fit that had not seen it. limit: what
    healthy clips stay under; a score above it is anomalous, `GRAVE_RATIO` limits are grave.
    """

    @property
    def healthy_scores(self) -> NDArray[np.float64]: ...
    @property
    def limit(self) -> float: ...


@runtime_checkable
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


@runtime_checkable
class ClipDetector(Detector, Protocol):
    """A detector that also learns from, and scores, whole clips. Its baseline may be of another kind."""

    def fit_clips(self, healthy: Sequence[LogMel]) -> Any:
        """A baseline from clips in the order of recording, of any lengths. Raises BaselineError."""

    def score_clip(self, baseline: Any, log_mel: LogMel) -> float:
        """One clip: **higher is more anomalous**. Raises BaselineError."""
