"""What a detector is. One module per detector, registered in `signalcraft.anomaly.DETECTORS`.

A detector takes feature vectors, so that data which come as features can be judged too.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Calibrated(Protocol):
    """What every baseline tells about the healthy clips it was made from.

    healthy_scores: float64 (n,), ascending, each clip's score under a fit that had not seen it. limit: what
    healthy clips stay under; a score above it is anomalous.
    """

    @property
    def healthy_scores(self) -> NDArray[np.float64]: ...
    @property
    def limit(self) -> float: ...


class Assessment(Protocol):
    """What every detector says of a clip. ratio: score / limit, above 1 is anomalous. tail_probability: how
    rarely a healthy clip scores as high. grave: by itself reason enough to raise an alarm."""

    @property
    def score(self) -> float: ...
    @property
    def ratio(self) -> float: ...
    @property
    def tail_probability(self) -> float: ...
    @property
    def verdict(self) -> str: ...
    @property
    def grave(self) -> bool: ...


class Detector(Protocol):
    """A module, or an object, that learns what is healthy and scores what comes after.

    It has `fit` besides, which `signalcraft.anomaly.learn` calls: what detectors take differs. Deterministic
    to the last bit. A baseline is the detector's own frozen dataclass of plain arrays, and Calibrated. `Any`:
    a baseline is only ever handed back to the detector that made it.
    """

    NAME: str

    def score(self, baseline: Any, x: ArrayLike) -> float:
        """One vector (p,): **higher is more anomalous**. Raises BaselineError."""

    def assess(self, baseline: Any, x: ArrayLike) -> Assessment:
        """The score and what it means. Raises BaselineError."""
