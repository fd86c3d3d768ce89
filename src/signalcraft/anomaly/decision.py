"""From single clips to "someone must look": a rule over the last clips of one machine.

Deterministic and without memory of its own: the same stored scores give the same decision, so history can be
replayed. Which alarm is open is the caller's to know; raising what is raised and clearing what is clear are
harmless repeats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# A single clip over the limit is often a door, a defrost or a delivery. Three of five, the newest among them,
# need the cause to last; with a share q of healthy clips over the limit that is at most 6 q^3 per clip
# (independent clips: at q = 2 %, one false decision in 20,000 clips).
WINDOW = 5
ENOUGH = 3
# Three normal clips in a row: a fault that comes and goes must not open and close an alarm each time.
CLEAR_AFTER = 3


@dataclass(frozen=True)
class Assessed:
    """What is kept of one assessable clip. ratio: score / limit, above 1 is anomalous. grave: as assessed."""

    ratio: float
    grave: bool

    @property
    def anomalous(self) -> bool:
        return self.ratio > 1


@dataclass(frozen=True)
class Decision:
    """severity is set only with `raise`: `critical` for a grave clip, `high` for a change that lasts."""

    action: Literal["raise", "clear", "hold"]
    severity: Literal["critical", "high"] | None = None


def decide(history: Sequence[Assessed]) -> Decision:
    """history: the machine's recent assessable clips in the order of recording, the newest last."""
    if not history:
        return Decision("hold")
    newest = history[-1]
    if newest.grave:
        return Decision("raise", "critical")
    if newest.anomalous and sum(clip.anomalous for clip in history[-WINDOW:]) >= ENOUGH:
        return Decision("raise", "high")
    if len(history) >= CLEAR_AFTER and not any(clip.anomalous for clip in history[-CLEAR_AFTER:]):
        return Decision("clear")
    return Decision("hold")
