"""How hard a machine shakes, for limits: also while nobody knows yet what its sensor measures at rest."""

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.quality import vibration_g


def lengths_g(axes: NDArray[np.float64], gravity: NDArray[np.float64]) -> NDArray[np.float64]:
    """The length of acceleration without gravity, in g; NaN where an axis is missing.

    While gravity is not known (NaN) it may be in the values or not: the smaller of the two lengths is taken,
    so that a sensor at rest never rings.

    Parameters
    ----------
    axes : [row, 3] in g, as the sensor measures.
    gravity : [row, 3] in g, NaN where it is not known.
    """
    known = vibration_g(axes, gravity)
    length = np.sqrt(np.einsum("ij,ij->i", axes, axes))
    return np.where(np.isnan(gravity[:, 0]), np.minimum(length, np.abs(length - 1.0)), known)
