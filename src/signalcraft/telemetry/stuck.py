"""Sensors that say the same again and again: told from runs of identical values.

A value that no physical quantity holds for so long is not wrong by itself, so it stays and is marked
`uncertain`. How long that is depends on the sensor: noise changes the last bit of acceleration and sound with
nearly every reading, while a DS18B20 in a good freezer says the same sixteenth of a degree for an hour. Power
is not watched: a motor that stands still takes the same nothing all night.

What is known of a run is in this process alone; after a restart it begins anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.columns import Columns

LIMITS_S: Mapping[str, float] = {
    "temperature_c": 12 * 3600.0,
    "vibration_x": 600.0,
    "vibration_y": 600.0,
    "vibration_z": 600.0,
    "audio_level": 600.0,
}
"""For how long a value may stay the same to the last bit."""
MIN_READINGS = 30
"""A node that sends every ten minutes may well say the same twice."""


class Runs:
    """The run that each device's sensors are in; of one thread, the writer's."""

    def __init__(self) -> None:
        self._fields = {field: _Run() for field in LIMITS_S}

    def marked(self, columns: Columns) -> Columns:
        """The readings, with a mark at values that have been the same for too long."""
        quality = columns.quality
        for field, run in self._fields.items():
            stuck = run.follow(columns.device, columns.measured_at_us, columns.column(field), LIMITS_S[field])
            if len(stuck) and quality is columns.quality:
                quality = quality.copy()
            for row in stuck.tolist():
                quality[row] = {**(quality[row] or {}), field: {"code": "uncertain", "reason": "stuck"}}
        return replace(columns, quality=quality)


class _Run:
    """Of one field, by device: the value, since when it is the same, how many readings said so."""

    def __init__(self) -> None:
        self._value = np.zeros(0, np.float32)
        self._at_us = np.zeros(0, np.int64)
        self._since_us = np.zeros(0, np.int64)
        self._count = np.zeros(0, np.int64)

    def follow(
        self,
        device: NDArray[np.int32],
        at_us: NDArray[np.int64],
        value: NDArray[np.float32],
        limit_s: float,
    ) -> NDArray[np.intp]:
        """Places of the values that are stuck; sorted by device and time. What comes late says nothing."""
        if not len(device):
            return np.zeros(0, np.intp)
        self._hold(int(device.max()) + 1)
        rows = np.flatnonzero(~np.isnan(value) & (at_us > self._at_us[device]))
        if not len(rows):
            return rows
        device, at_us, value = device[rows], at_us[rows], value[rows]
        first = np.diff(device, prepend=-1) != 0
        before = np.where(first, self._value[device], np.roll(value, 1))
        begins = value != before
        begins |= first & (self._count[device] == 0)
        since = np.where(begins, at_us, self._since_us[device])
        count = np.where(begins, 0, self._count[device])
        place = np.arange(len(rows))
        run = np.maximum.accumulate(np.where(begins | first, place, 0))
        since, count = since[run], count[run] + place - run + 1
        last = np.flatnonzero(np.diff(device, append=-1))
        newest = device[last]
        self._value[newest], self._at_us[newest] = value[last], at_us[last]
        self._since_us[newest], self._count[newest] = since[last], count[last]
        stuck: NDArray[np.intp] = rows[(at_us - since >= limit_s * 1e6) & (count >= MIN_READINGS)]
        return stuck

    def _hold(self, devices: int) -> None:
        """Have a place for each device up to this number."""
        if devices > len(self._value):
            more = max(devices, 2 * len(self._value)) - len(self._value)
            self._value, self._at_us, self._since_us, self._count = (
                np.concatenate([array, np.zeros(more, array.dtype)])
                for array in (self._value, self._at_us, self._since_us, self._count)
            )


@lru_cache(maxsize=1)
def get_runs() -> Runs:
    """The runs that this process knows."""
    return Runs()
