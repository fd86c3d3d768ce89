"""Readings that are cheap to make by the million and can be told again afterwards, each exactly.

A batch is a number; from it follow its devices, its times and its values. Its JSON is a template whose digits
are overwritten, so that making it costs the generator a few nanoseconds a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.columns import FIELDS

DEVICES_PER_BATCH = 10
READINGS_PER_DEVICE = 500
READINGS = DEVICES_PER_BATCH * READINGS_PER_DEVICE
STEPS_PER_DAY = 86_400 // READINGS_PER_DEVICE
VALUES = len(FIELDS)


@dataclass(frozen=True)
class Truth:
    """What a batch holds: row by row, sorted by device and time."""

    device: NDArray[np.intp]
    """Place among the nodes."""
    second: NDArray[np.int64]
    """Seconds since 1970."""
    fields: NDArray[np.float32]


class Rows:
    """Batches of these devices on these days."""

    def __init__(self, names: Sequence[str], days: Sequence[date]) -> None:
        assert len(names) % DEVICES_PER_BATCH == 0
        self._names = list(names)
        self._starts = [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in days]
        self._groups = len(names) // DEVICES_PER_BATCH
        self._values = _values(np.random.default_rng(7))
        self._templates = [self._template(group) for group in range(self._groups)]

    @property
    def batches(self) -> int:
        """How many different ones there are."""
        return self._groups * STEPS_PER_DAY * len(self._starts)

    def truth(self, batch: int) -> Truth:
        group, first_second = self._place(batch)
        fields = self._values.copy()
        fields[:, FIELDS.index("temperature_c")] = -self._hundredths(batch) / 100
        return Truth(
            device=np.repeat(np.arange(DEVICES_PER_BATCH) + group * DEVICES_PER_BATCH, READINGS_PER_DEVICE),
            second=first_second + np.tile(np.arange(READINGS_PER_DEVICE), DEVICES_PER_BATCH),
            fields=fields.astype(np.float32),
        )

    def body(self, batch: int) -> bytes:
        """The batch as a JSON array."""
        group, first_second = self._place(batch)
        body, seconds_at, temperature_at = self._templates[group]
        second = first_second + np.tile(np.arange(READINGS_PER_DEVICE), DEVICES_PER_BATCH)
        for place in range(10):
            body[seconds_at + place] = _digit(second, 10 ** (9 - place))
        hundredths = self._hundredths(batch)
        for offset, unit in ((0, 1000), (1, 100), (3, 10), (4, 1)):
            body[temperature_at + offset] = _digit(hundredths, unit)
        return body.tobytes()

    def _place(self, batch: int) -> tuple[int, int]:
        step, group = divmod(batch, self._groups)
        day, step = divmod(step, STEPS_PER_DAY)
        return group, self._starts[day] + step * READINGS_PER_DEVICE

    def _hundredths(self, batch: int) -> NDArray[np.int64]:
        """-18.00 to -19.99 °C, another course in each batch; no alarm is wanted here."""
        return 1800 + (np.arange(READINGS) * 7 + batch * 13) % 200

    def _template(self, group: int) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]]:
        names = self._names[group * DEVICES_PER_BATCH : (group + 1) * DEVICES_PER_BATCH]
        items = [
            f'{{"device_id":"{names[row // READINGS_PER_DEVICE]}","timestamp":1000000000,'
            f'"temperature":-18.00,"vibration":{{"x":{x:.3f},"y":{y:.3f},"z":{z:.3f}}},"power_consumption":{power:.1f},'
            f'"audio_level":{level:.0f},"sensor_quality":{quality:.2f}}}'
            for row, (_, x, y, z, power, level, quality) in enumerate(self._values.tolist())
        ]
        body = np.frombuffer(f"[{','.join(items)}]".encode(), np.uint8).copy()
        starts = np.cumsum([1, *(len(item) + 1 for item in items[:-1])])
        in_item = items[0]
        seconds = in_item.index("1000000000")
        return body, starts + seconds, starts + in_item.index("18.00")


def copy_text(truth: Truth, keys: Sequence[int], shift_s: int) -> bytes:
    """The same rows as `COPY` reads them, moved in time by so many seconds."""
    moments = (truth.second + shift_s).astype("M8[s]").astype(str)
    lines = [
        f"{keys[device]}\t{moment}Z\t{moment}Z\t"
        + "\t".join(f"{value:.6g}" for value in values)
        + "\t\\N\t\\N\n"
        for device, moment, values in zip(truth.device.tolist(), moments, truth.fields.tolist(), strict=True)
    ]
    return "".join(lines).encode()


def _tabbed(values: Sequence[float]) -> str:
    return "\t".join(f"{value:.6g}" for value in values)


def _values(random: np.random.Generator) -> NDArray[np.float64]:
    values = np.empty((READINGS, VALUES))
    columns = {
        "temperature_c": np.zeros(READINGS),
        "vibration_x": random.integers(0, 200, READINGS) / 1000,
        "vibration_y": random.integers(0, 200, READINGS) / 1000,
        "vibration_z": random.integers(900, 999, READINGS) / 1000,
        "power_percent": random.integers(200, 800, READINGS) / 10,
        "audio_level": random.integers(100, 900, READINGS),
        "sensor_quality": random.integers(80, 99, READINGS) / 100,
    }
    for place, field in enumerate(FIELDS):
        values[:, place] = columns[field]
    return values


def _digit(numbers: NDArray[np.int64], unit: int) -> NDArray[np.uint8]:
    return (numbers // unit % 10 + ord("0")).astype(np.uint8)
