"""From single clips to "someone must look": a rule over the last clips of one machine.

Deterministic and without memory of its own: the same stored scores give the same decision, so history can be
replayed. Which alarm is open is the caller's to know; raising what is raised and clearing what is clear are
harmless repeats.

The stated rate of false alarms. A single clip over the limit is often a door, a delivery or somebody talking.
Four of six, the newest among them, need the cause to last 20 minutes where a clip comes every 5. If a share q
of healthy clips is over the limit, independently, an alarm opens in at most C(5, 3) q^4 of all clips
(`false_alarms_per_month`): with the 8,640 clips of a month, one in 72 months at q = 2 %, one in 2 months at
q = 5 %. A baseline of 60 clips cannot say that fewer than some 5 % of healthy clips will be over its limit
(the interval of `tail_probability`), although the limit is meant for one in a thousand; so the rule is made
for 5 %. Noise that lasts over several clips is not independent: 20 minutes of it next to a machine that has
never heard the like raise an alarm.

A grave clip raises one at once. What is grave is the detector's to say; `ensemble-2` wants the quiet
moments of the clip to be as unlike as the whole of it, so a passing noise is not, while a machine that
broke is.

Chosen by these figures, not on recordings; before, `three-of-five` had one false alarm in 2.4 months at q =
2 % and 6 a month at 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

NAME = "four-of-six"
WINDOW = 6
ENOUGH = 4
# Three normal clips in a row: a fault that comes and goes must not open and close an alarm each time.
CLEAR_AFTER = 3
CLIPS_PER_MONTH = 30 * 24 * 12  # one every five minutes


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


def false_alarms_per_month(over_limit: float, *, clips_per_month: int = CLIPS_PER_MONTH) -> float:
    """At most so many false alarms of a machine, if that share of its healthy clips is over the
    limit, each independently of the others, and none grave: the newest clip is, and ENOUGH - 1 of those
    before."""
    return clips_per_month * comb(WINDOW - 1, ENOUGH - 1) * over_limit**ENOUGH
