"""What an acceleration sensor measures at rest: learned for each device, for most firmware sends it along.

Vibration swings around zero, so the mean of many readings is what does not swing: gravity, and the sensor's
own error of some hundredths of a g. A mean vector shorter than STATIC_G is no gravity: that firmware removes
it, and the readings are taken as they are. A node that is mounted anew is noticed by its next full hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import EARLIEST
from signalcraft.telemetry import rollup_queries as queries
from signalcraft.telemetry.aggregates import COUNTS, Aggregates
from signalcraft.telemetry.quality import STANDARD_GRAVITY
from signalcraft.telemetry.rollup_queries import moment_of

STATIC_G = 0.8
"""A mean this long holds gravity: no compressor shakes a shelf by as much in one direction."""
FIRST_READINGS = 4
"""With fewer, gravity cannot be told from vibration."""
TURNED_READINGS = 100
"""Of 0.3 g of vibration 0.03 g is left in a mean of so many."""
TURNED_G = 0.1
"""A sensor turned by 6 degrees; its drift with temperature is half of that."""
IN_METRES = (8.8, 10.8)
"""Length of gravity in m/s², with the sensor's error. Nothing rests at 9 g: the unit is another."""

_MS_BITS = 43


@dataclass(frozen=True)
class Gravity:
    """What is known of some devices, by device, then time.

    Attributes
    ----------
    device, since_us : whose, and from when on (microseconds since 1970).
    vector : [row, 3] in g.
    """

    device: NDArray[np.int64]
    since_us: NDArray[np.int64]
    vector: NDArray[np.float64]

    def at(self, device: NDArray[np.int64], at_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """[row, 3] of these devices at these moments, NaN where nothing is known of a device."""
        if not len(self.device):
            return np.full((len(device), 3), np.nan)
        devices = np.unique(self.device)
        place = np.minimum(np.searchsorted(devices, device), len(devices) - 1)
        key = (place << _MS_BITS) + at_us // 1000
        known = (np.searchsorted(devices, self.device) << _MS_BITS) + self.since_us // 1000
        row = np.maximum(np.searchsorted(known, key, side="right") - 1, 0)
        return np.where((self.device[row] == device)[:, np.newaxis], self.vector[row], np.nan)


def known(session: Session, device_ids: Sequence[int]) -> Gravity:
    """All that is known of these devices."""
    return Gravity(*queries.gravity(session, device_ids))


def current(session: Session, device_ids: Sequence[int]) -> dict[int, NDArray[np.float64]]:
    """The vector (g) of each of these devices that has one, as it is now."""
    found = known(session, device_ids)
    return dict(zip(found.device.tolist(), found.vector, strict=True))  # the newest of each comes last


def of_mean(mean_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a mean acceleration says of gravity, in g."""
    return mean_g if np.linalg.norm(mean_g) >= STATIC_G else np.zeros(3)


def learn_first(
    session: Session, device: NDArray[np.int64], axes_g: NDArray[np.float64], before: Gravity
) -> Gravity:
    """Learn of devices heard for the first time from their first readings; what is known then.

    Parameters
    ----------
    device, axes_g : of each reading, [row, 3] in g, NaN where an axis has no valid value.
    """
    whole = ~np.isnan(axes_g).any(axis=1) & ~np.isin(device, before.device)
    means = {
        int(one): axes_g[whole & (device == one)].mean(axis=0)
        for one, count in zip(*np.unique(device[whole], return_counts=True), strict=True)
        if count >= FIRST_READINGS
    }
    if not means:
        return before
    for one, mean in means.items():
        if IN_METRES[0] < np.linalg.norm(mean) < IN_METRES[1]:
            queries.set_unit_metres(session, one)
            means[one] = mean / STANDARD_GRAVITY
    queries.add_gravity(session, {one: (EARLIEST, of_mean(mean)) for one, mean in means.items()})
    return known(session, sorted({*before.device.tolist(), *means}))


def learn_turned(session: Session, hours: Aggregates) -> None:
    """Notice devices that were mounted anew: what is computed from then on is noted to be counted again."""
    before = known(session, sorted(set(hours.device.tolist())))
    mean = hours.mean_axes()
    static = np.where(np.linalg.norm(mean, axis=1, keepdims=True) >= STATIC_G, mean, 0.0)
    turn = np.linalg.norm(static - before.at(hours.device, hours.at_us), axis=1)
    enough = hours.counts[:, COUNTS.index("axes_n")] >= TURNED_READINGS
    newest = dict(zip(before.device.tolist(), before.since_us.tolist(), strict=True))
    for row in np.flatnonzero(enough & ~(turn <= TURNED_G)).tolist():
        device, at_us = int(hours.device[row]), int(hours.at_us[row])
        if at_us < newest.get(device, at_us):
            continue  # late readings of a time before it was turned
        since = moment_of(at_us)
        queries.add_gravity(session, {device: (since, static[row])})
        queries.mark_minutes_since(session, device, since)
        newest[device] = at_us
