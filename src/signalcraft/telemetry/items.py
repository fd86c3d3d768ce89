"""One reading of a batch as nodes write it, and many of them as columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from signalcraft.clock import EARLIEST, utc_now
from signalcraft.fleet.schemas import DEVICE_ID_PATTERN
from signalcraft.telemetry.batches import Batch, objects
from signalcraft.telemetry.columns import ABSENT, FIELDS
from signalcraft.telemetry.times import FUTURE_LIMIT, MILLISECONDS_FROM, parse_moment

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""What a node counts: exact in JavaScript's numbers too."""
Uptime = Annotated[int, Meta(ge=0, le=20 * 366 * 86_400_000)]
"""Milliseconds; no node runs for twenty years, and a time computed from more may be none."""
Number = float | UnsetType | None

_DEVICE_ID = re.compile(DEVICE_ID_PATTERN.removesuffix("$"))
_MEMBERS: tuple[str, ...] = ("temperature", "power_consumption", "audio_level", "sensor_quality")
_PLACES = [
    FIELDS.index(field) for field in ("temperature_c", "power_percent", "audio_level", "sensor_quality")
]
_AXES = [FIELDS.index(f"vibration_{axis}") for axis in "xyz"]


def is_device_id(text: str) -> bool:
    """Whether a node may call itself so."""
    return _DEVICE_ID.fullmatch(text) is not None


class Axes(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Acceleration along three axes, in the unit of the device."""

    x: float | None
    y: float | None
    z: float | None


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """One reading. What a node does not measure it leaves out; `null` says that a sensor has nothing to say.

    A node with a clock sends `timestamp`; one without sends `boot_id` and `uptime_ms`.
    """

    device_id: str
    timestamp: float | str | UnsetType = UNSET
    boot_id: Count | UnsetType = UNSET
    sequence: Count | UnsetType = UNSET
    uptime_ms: Uptime | UnsetType = UNSET
    temperature: Number = UNSET
    vibration: Axes | UnsetType | None = UNSET
    power_consumption: Number = UNSET
    audio_level: Number = UNSET
    sensor_quality: Number = UNSET


@dataclass(frozen=True)
class ItemError:
    """What is wrong with one reading of a batch.

    index : its place in what was sent, from 0. field : as the sender wrote it.
    """

    index: int
    field: str
    message: str


class Columnar:
    """Items read member by member, with what is wrong in some of them.

    Attributes
    ----------
    batch : the readings that are sound.
    place : each one's place among the items.
    errors : of the others, by place.

    Parameters
    ----------
    boot_needed : whether an uptime alone says nothing, because the readings may be of an earlier start.
    """

    def __init__(self, items: Sequence[Item], *, boot_needed: bool = True) -> None:
        self._wrong: dict[int, ItemError] = {}
        self._boot_needed = boot_needed
        self.batch = self._read(items)
        self.errors = [self._wrong[place] for place in sorted(self._wrong)]
        self.place = np.arange(len(items))
        if self._wrong:
            sound = np.ones(len(items), np.bool_)
            sound[list(self._wrong)] = False
            self.batch, self.place = self.batch.take(sound), np.flatnonzero(sound)

    def _read(self, items: Sequence[Item]) -> Batch:
        names, name = self._devices([item.device_id for item in items])
        uptime_ms = _counts([item.uptime_ms for item in items])
        boot = _counts([item.boot_id for item in items])
        return Batch(
            names=names,
            name=name,
            measured_at_us=self._moments([item.timestamp for item in items], boot, uptime_ms),
            boot=boot,
            sequence=_counts([item.sequence for item in items]),
            uptime_us=np.where(uptime_ms == ABSENT, ABSENT, uptime_ms * 1000),
            fields=self._fields(items),
            quality=objects([None]).repeat(len(items)),
            extra=objects([None]).repeat(len(items)),
        )

    def _refuse(self, places: Sequence[int], field: str, message: str) -> None:
        for place in places:
            self._wrong.setdefault(place, ItemError(place, field, message))

    def _devices(self, sent: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
        places: dict[str, int] = {}
        name = np.array([places.setdefault(device_id, len(places)) for device_id in sent], np.int32)
        wrong = [place for device_id, place in places.items() if not is_device_id(device_id)]
        if wrong:
            message = "1 to 64 letters, digits, '_', '.', ':' or '-' are expected"
            self._refuse(np.flatnonzero(np.isin(name, wrong)).tolist(), "device_id", message)
        return list(places), name

    def _moments(
        self, sent: Sequence[Any], boot: NDArray[np.int64], uptime_ms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Microseconds since 1970, ABSENT where the node has no clock."""
        seconds = list(sent)
        for place, value in enumerate(sent) if not _all_numbers(sent) else ():
            if isinstance(value, str):
                try:
                    seconds[place] = parse_moment(value).timestamp()
                except ValueError as error:
                    self._refuse([place], "timestamp", str(error))
                    seconds[place] = np.nan
            elif value is UNSET:
                seconds[place] = np.nan
        moments = np.array(seconds, np.float64)
        moments = np.where(moments >= MILLISECONDS_FROM, moments / 1000, moments)
        clockless = np.isnan(moments)
        bootless = (boot == ABSENT) & self._boot_needed
        self._refuse(
            np.flatnonzero(clockless & (bootless | (uptime_ms == ABSENT))).tolist(),
            "timestamp",
            "either timestamp or boot_id and uptime_ms are needed",
        )
        self._refuse(
            np.flatnonzero(moments < EARLIEST.timestamp()).tolist(),
            "timestamp",
            "the time is before 2000: the sender's clock was never set",
        )
        self._refuse(
            np.flatnonzero(moments > (utc_now() + FUTURE_LIMIT).timestamp()).tolist(),
            "timestamp",
            "the time is more than a day in the future",
        )
        unusable = clockless | ~(np.abs(moments) < 1e12)
        fraction, second = np.modf(np.where(unusable, 0, moments))  # apart, as `datetime.fromtimestamp` does
        microsecond = second.astype(np.int64) * 1_000_000 + np.round(fraction * 1e6).astype(np.int64)
        return np.where(unusable, ABSENT, microsecond)

    def _fields(self, items: Sequence[Item]) -> NDArray[np.float64]:
        fields = np.empty((len(items), len(FIELDS)))
        for member, place in zip(_MEMBERS, _PLACES, strict=True):
            fields[:, place] = self._numbers(member, [getattr(item, member) for item in items])
        axes = [item.vibration or _NO_AXES for item in items]
        for axis, place in zip("xyz", _AXES, strict=True):
            fields[:, place] = self._numbers(f"vibration.{axis}", [getattr(of, axis) for of in axes])
        return fields

    def _numbers(self, member: str, sent: list[Number]) -> NDArray[np.float64]:
        """NaN for what is null or left out; a number that is none is refused."""
        absent = sent.count(None) + sent.count(UNSET)
        if sent.count(UNSET):
            sent = [None if value is UNSET else value for value in sent]
        numbers = np.array(sent, np.float64)
        odd = ~np.isfinite(numbers)
        if odd.sum() != absent:
            wrong = [place for place in np.flatnonzero(odd).tolist() if sent[place] is not None]
            self._refuse(wrong, member, "a number is expected, or null")
        return numbers


_NO_AXES = Axes(None, None, None)


def _all_numbers(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {float, int}


def _counts(sent: list[int | UnsetType]) -> NDArray[np.int64]:
    if sent.count(UNSET) == len(sent):
        return np.full(len(sent), ABSENT, np.int64)
    return np.array([ABSENT if value is UNSET else value for value in sent], np.int64)
