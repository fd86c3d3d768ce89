"""Is this clip unlike the machine's healthy ones? Pure numeric: detectors, explanation, decision over time.

A detector that was used once is never edited, only succeeded: stored scores must be reproducible.
"""

from signalcraft.anomaly import mahalanobis_v1
from signalcraft.anomaly.errors import BaselineError

DETECTORS = {mahalanobis_v1.NAME: mahalanobis_v1}
CURRENT = mahalanobis_v1.NAME

__all__ = ["CURRENT", "DETECTORS", "BaselineError"]
