"""From single clips to "someone must look": a sum over the last clips of one machine.

What a clip adds is its surprise, -log10 of how rarely a healthy one is as strange (at most CAP), less
ALLOWANCE; the sum never falls below zero and never rises above ENOUGH, where it raises an alarm (a CUSUM:
Page 1954). So four clips in a row beyond any doubt raise one, and so do twenty in a row of which each alone
is merely unusual: a fault that is still small is never over the limit of a single clip, but it is unusual
all the time. Usual clips add 0.43 in the mean and take 0.57 away. A clip that is not itself unusual never
raises. A sudden grave change does not wait for the sum: two clips in a row over the limit, one of them grave,
raise at once; what is grave is the detector's to say. One grave clip alone wakes nobody, for a delivery, a
start or a defrost can be as loud, and they are over when the next clip comes; a machine that broke is not. An
alarm clears when the sum has fallen to nothing and the last CLEAR_AFTER clips were usual: some twelve clips
after the worst.

Deterministic and without memory of its own: the sum begins at nothing WINDOW clips ago, so the same stored
results give the same decision and history can be replayed. Which alarm is open is the caller's to know;
raising what is raised and clearing what is clear are harmless repeats.

The stated rate of false alarms. The surprise of a healthy clip whose probability is right is exponential with
mean log10(e) = 0.43. By Lundberg's inequality an alarm opens in at most exp(-t ENOUGH) of all clips, where t
solves E exp(t (surprise - ALLOWANCE)) = 1 (`false_alarms_per_month`). With the 8,640 clips of a month that is
one in 2,400 months; with probabilities that are off, so that the mean is 0.5, one in 82 months; at 0.6, one
in 1.7 months. Clips are not independent: noise that lasts, next to a machine that has never heard the like,
adds up as a fault does.

A young baseline. One of fewer than SURE_CLIPS clips has heard a few hours of its machine, and the fitted tail
promises more than it can know: what is usual in the evening looks rare to it, clip after clip. So below the
limit of a single clip it is believed only what counting its clips shows (`believed`): nothing adds up that is
not over the limit. Without this rule (`cusum-1`) an alarm took from learning the very clips that
would have ended it, and the virtual development machine 400123 rang 52 times in 30 days, each time by a
baseline of 60 clips; with it, not once. Growing faults are found as before, for baselines are SURE_CLIPS old
within a day or two (development machines 400100 and 400101, 18 faults: 15 within 6 clips, as before).

Parameters. ALLOWANCE: the surprise of one healthy clip in ten, half-way between what healthy clips add and
what the smallest fault to be found adds, 1.6 (Page's rule: half of the change). CAP: the limit of a single
clip; without it two strange clips would do, with it a passing noise of 15 minutes does not. ENOUGH: four
clips at the cap, not three. WINDOW: four hours of clips that come every five minutes, twice what a change of
0.3 above the allowance takes. Of allowances of 0.9 to 1.3 and sums of 4 to 6.5, which all bore 40 days of the
simulator's healthy development machines 400100 and 400101 (their sum never came over 3), the one with less
than one false alarm a month at a mean of 0.6. Before, `four-of-six` counted clips over the limit, which
faults of the simulator reached only when they were grave.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

NAME = "cusum-2"
ALLOWANCE = 1.0
CAP = 3.0
ENOUGH = 6.5
WINDOW = 48
CLEAR_AFTER = 3
SURE_CLIPS = 240
"""As many as the largest baseline is made from."""
FASTEST = 4
"""So many clips beyond any doubt raise an alarm: ENOUGH / (CAP - ALLOWANCE), rounded up."""
CLIPS_PER_MONTH = 30 * 24 * 12  # one every five minutes


@dataclass(frozen=True)
class Assessed:
    """What is kept of one assessable clip. ratio: score / limit, above 1 is anomalous. grave: as assessed.
    tail_probability: how rarely a healthy clip is as strange; detectors have scores of their own scale, but
    mean the same by this."""

    ratio: float
    grave: bool
    tail_probability: float = 1.0

    @property
    def anomalous(self) -> bool:
        return self.ratio > 1

    @property
    def surprise(self) -> float:
        """0 to CAP. What is over the limit is beyond any doubt, even where few clips can tell how rare."""
        if self.anomalous:
            return CAP
        return min(max(-math.log10(max(self.tail_probability, 1e-300)), 0.0), CAP)

    @property
    def unusual(self) -> bool:
        """Whether it speaks for an alarm."""
        return self.surprise > ALLOWANCE


USUAL = Assessed(ratio=0.0, grave=False)
"""A clip of which nothing is said against the machine."""


def believed(tail_probability: float, tail_high: float | None, *, clips: int) -> float:
    """How rarely a healthy clip is as strange, as far as the baseline can know.

    tail_high: the upper end of what counting says, None where nothing was counted. clips: the baseline's.
    """
    if tail_high is None or clips >= SURE_CLIPS:
        return tail_probability
    return max(tail_probability, tail_high)


@dataclass(frozen=True)
class Decision:
    """severity is set only with `raise`: `critical` for a sudden grave change, `high` for one that
    lasts. sum: what the clips add up to, 0 to ENOUGH."""

    action: Literal["raise", "clear", "hold"]
    severity: Literal["critical", "high"] | None = None
    sum: float = 0.0


def decide(history: Sequence[Assessed]) -> Decision:
    """history: the machine's recent assessable clips in the order of recording, the newest last."""
    total = added_up(history)
    if not history:
        return Decision("hold")
    newest = history[-1]
    if _breaks(history[-2:]):
        return Decision("raise", "critical", total)
    if newest.unusual and total >= ENOUGH:
        return Decision("raise", "high", total)
    last = history[-CLEAR_AFTER:]
    if total == 0 and len(last) == CLEAR_AFTER and not any(clip.unusual for clip in last):
        return Decision("clear", None, total)
    return Decision("hold", None, total)


def _breaks(last: Sequence[Assessed]) -> bool:
    """Two clips beyond any doubt, one of them grave."""
    return len(last) == 2 and all(clip.anomalous for clip in last) and any(clip.grave for clip in last)


def added_up(history: Sequence[Assessed]) -> float:
    """The sum over the last WINDOW clips, 0 to ENOUGH."""
    total = 0.0
    for clip in history[-WINDOW:]:
        total = min(max(total + clip.surprise - ALLOWANCE, 0.0), ENOUGH)
    return total


def false_alarms_per_month(mean_surprise: float, *, clips_per_month: int = CLIPS_PER_MONTH) -> float:
    """At most so many false alarms of a machine whose healthy clips have exponential surprises of that mean,
    each independently of the others, and none grave. mean_surprise: below ALLOWANCE; math.log10(math.e) is
    that of probabilities that are right."""
    low, high = 1e-6, 100.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _growth(middle, mean_surprise) < 1 else (low, middle)
    return clips_per_month * math.exp(-low * ENOUGH)


def _growth(t: float, mean: float) -> float:
    """E exp(t (min(X, CAP) - ALLOWANCE)) of an exponential X."""
    rate = 1 / mean
    gap = t - rate
    below = rate * CAP if gap == 0 else rate * math.expm1(gap * CAP) / gap
    return (below + math.exp(gap * CAP)) * math.exp(-t * ALLOWANCE)
