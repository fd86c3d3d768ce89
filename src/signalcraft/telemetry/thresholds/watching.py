"""Notice, while readings are stored, which devices' limits have to be looked at.

By array and against limits kept in the process: a reading that gives no cause costs no query and no row.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic

import numpy as np
from celery import current_app
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import EPOCH
from signalcraft.db.session import after_commit
from signalcraft.telemetry import gravity
from signalcraft.telemetry.columns import ABSENT, FIELDS, Columns
from signalcraft.telemetry.quality import UNITS_IN_G, vibration_g
from signalcraft.telemetry.thresholds import queries
from signalcraft.telemetry.thresholds.rules import FIELDS as WATCHED_FIELDS
from signalcraft.telemetry.thresholds.rules import Rule, merged

TASK = "telemetry.follow_thresholds"
QUEUE_PRIORITY = 0
"""Before any analysis of sound: it takes milliseconds and somebody waits for it."""
KEEP_S = 5.0
"""How long a process goes on with the limits that it has read: a change is in force after that long."""
HINT_INTERVAL_S = 0.25
"""One message for all readings of this time; a look each second finds what no message tells of."""

_PLACES = {"temperature_c": 0, "vibration_g": 1, "power_percent": 2, "audio_level": 3}
_COLUMNS = [FIELDS.index(name) for name in ("temperature_c", "power_percent", "audio_level")]
_AXES = [FIELDS.index(f"vibration_{axis}") for axis in "xyz"]


class _Bounds:
    """For each known device the narrowest limits of each field, its unit of acceleration, its gravity."""

    read_at: float
    place: dict[int, int]
    highest: NDArray[np.float64]
    lowest: NDArray[np.float64]
    g_per_unit: NDArray[np.float64]
    gravity: NDArray[np.float64]

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: everything is read again when it is asked for."""
        self.read_at = float("-inf")
        self.place = {}
        self.highest = np.empty((0, 4))
        self.lowest = np.empty((0, 4))
        self.g_per_unit = np.empty(0)
        self.gravity = np.empty((0, 3))

    def places(self, session: Session, devices: Sequence[int]) -> NDArray[np.intp]:
        """Where these devices stand in the arrays; read from the database as far as they are not known."""
        if monotonic() - self.read_at > KEEP_S:
            self.forget()
            self.read_at = monotonic()
        unknown = [device for device in devices if device not in self.place]
        if unknown:
            self._read(session, unknown)
        return np.fromiter((self.place[device] for device in devices), np.intp, len(devices))

    def _read(self, session: Session, devices: Sequence[int]) -> None:
        found = queries.devices(session, devices)
        by_type = queries.type_changes(session, {device.device_type for device in found})
        by_device = queries.device_changes(session, devices)
        rest = gravity.current(session, devices)
        for device in found:
            self.place[device.key] = len(self.place)
        usual = {
            name: _narrowest(merged(by_type.get(name, {}), {}))
            for name in {device.device_type for device in found}
        }
        bounds = [
            _narrowest(merged(by_type.get(device.device_type, {}), by_device[device.key]))
            if device.key in by_device
            else usual[device.device_type]
            for device in found
        ]
        self.highest = np.vstack([self.highest, [high for high, _ in bounds]])
        self.lowest = np.vstack([self.lowest, [low for _, low in bounds]])
        units = [UNITS_IN_G[device.vibration_unit] for device in found]
        self.g_per_unit = np.concatenate([self.g_per_unit, units])
        unknown = np.full(3, np.nan)
        self.gravity = np.vstack([self.gravity, [rest.get(device.key, unknown) for device in found]])


_bounds = _Bounds()
_hinted_at = float("-inf")


def watch(session: Session, columns: Columns) -> None:
    """Write down in the transaction of these readings which devices' limits they concern.

    These are the devices with a value beyond some limit, and those of which some limit is not at rest.
    """
    if not len(columns):
        return
    starts = np.flatnonzero(np.diff(columns.device, prepend=ABSENT))
    devices = columns.device[starts].tolist()
    place = _bounds.places(session, devices)
    counts = np.diff(np.append(starts, len(columns)))
    beyond = np.logical_or.reduceat(_is_beyond(columns, np.repeat(place, counts)), starts)
    watched = queries.watched_among(session, devices)
    concerned = [
        (device, EPOCH + timedelta(microseconds=earliest_us))
        for device, earliest_us, is_beyond in zip(
            devices, columns.measured_at_us[starts].tolist(), beyond.tolist(), strict=True
        )
        if is_beyond or device in watched
    ]
    if concerned:
        queries.add_work(session, [device for device, _ in concerned], [moment for _, moment in concerned])
        after_commit(session, hint)


def forget() -> None:
    """Read every limit anew when it is next asked for."""
    _bounds.forget()


def hint() -> None:
    """Wake a worker; the rows are the work."""
    global _hinted_at
    if monotonic() - _hinted_at >= HINT_INTERVAL_S:
        _hinted_at = monotonic()
        current_app.send_task(TASK, priority=QUEUE_PRIORITY, expires=HINT_INTERVAL_S * 20)


def _is_beyond(columns: Columns, place: NDArray[np.intp]) -> NDArray[np.bool_]:
    """For each reading whether any of its values is beyond any limit; what is not there is not."""
    values = np.empty((len(columns), len(WATCHED_FIELDS)))
    values[:, [0, 2, 3]] = columns.fields[:, _COLUMNS]
    values[:, 1] = vibration_g(
        columns.fields[:, _AXES] * _bounds.g_per_unit[place, None], _bounds.gravity[place]
    )
    with np.errstate(invalid="ignore"):
        beyond = (values > _bounds.highest[place]) | (values < _bounds.lowest[place])
    return np.asarray(beyond.any(axis=1))


def _narrowest(rules: Mapping[str, Rule]) -> tuple[list[float], list[float]]:
    """The lowest upper and the highest lower limit of each field."""
    high, low = [float("inf")] * 4, [float("-inf")] * 4
    for rule in rules.values():
        place = _PLACES[rule.field]
        if not rule.enabled:
            continue
        if rule.direction == "above":
            high[place] = min(high[place], rule.limit)
        else:
            low[place] = max(low[place], rule.limit)
    return high, low
