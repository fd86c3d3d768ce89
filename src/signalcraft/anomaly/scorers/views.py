"""Which features are judged together.

- `quiet`: the floor of every band, what is heard when nothing else is: the steady machine under passing
  noise.
- `profile`: level and variation of every band.
- `all`: everything, where nobody says what the features are.

- `signs`: tones, impacts and swings, beside the others. They may be NaN.

Bands are joined in pairs until there are at most MAX_BANDS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.errors import BaselineError

QUIET, PROFILE, SIGNS, ALL = "quiet", "profile", "signs", "all"
MAX_BANDS = 32
_PROFILE_KINDS = ("level", "variation")
_SIGN_KINDS = ("line", "envelope", "modulation")

Array = NDArray[np.float64]


class Named(Protocol):
    """What a feature must tell about itself."""

    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class View:
    """columns: (q, w), each value of the view is the mean of w features."""

    name: str
    columns: NDArray[np.int64]

    def of(self, x: Array) -> Array:
        """(n, p) -> (n, q)."""
        values: Array = x[:, self.columns].mean(axis=2)
        return values


def views(names: Sequence[Named] | None, size: int) -> tuple[View, ...]:
    """The views of vectors of `size` values. Raises BaselineError if `names` is of other vectors."""
    if names is None:
        return (View(ALL, np.arange(size)[:, None]),)
    if len(names) != size:
        raise BaselineError(f"{len(names)} names do not describe {size} features")
    by_kind: dict[str, list[int]] = {}
    for place, feature in enumerate(names):
        by_kind.setdefault(feature.kind, []).append(place)
    found = []
    if "floor" in by_kind:
        found.append(View(QUIET, _joined(by_kind["floor"])))
    profile = [_joined(by_kind[kind]) for kind in _PROFILE_KINDS if kind in by_kind]
    if profile:
        if len({part.shape[1] for part in profile}) > 1:
            raise BaselineError("level and variation are of different bands")
        found.append(View(PROFILE, np.concatenate(profile)))
    signs = [place for kind in _SIGN_KINDS for place in by_kind.get(kind, [])]
    if found and signs:
        found.append(View(SIGNS, np.array(signs)[:, None]))
    return tuple(found) or views(None, size)


def _joined(places: list[int]) -> NDArray[np.int64]:
    columns = np.array(places)[:, None]
    while len(columns) > MAX_BANDS and len(columns) % 2 == 0:
        columns = columns.reshape(len(columns) // 2, -1)
    return columns
