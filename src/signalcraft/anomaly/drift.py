"""What a machine's baseline may learn, so that it follows season and shop but never a fault that grows.

A fault that takes days looks, from one day to the next, like drift. Three things tell them apart:

- **How unusual.** Healthy drift moves a baseline's clips a little; a fault makes them unusual one after the
  other. Clips over UNUSUAL, and all clips while the decision's sum is over half of what raises an alarm
  (WARY), are not learned. UNUSUAL is one healthy clip in a hundred: far below the limit of one in a thousand,
  and so few that leaving them out does not make the next baseline too narrow by much.
- **What came of it.** A clip is learned only when it has been followed by SETTLING without an alarm; when
  an alarm is raised, what was heard so long before it is never learned. The first baselines may use all
  clips, or a new machine would wait for days.
- **How fast.** A baseline is made from clips spread evenly over SPAN, not from the newest: in a day it moves
  by a fourteenth of the way. While WARY it is not made anew at all.

What follows: new noise that lasts is learned in proportion, from two days on; a change that raises an alarm
is learned only when somebody says that it is none. A fault that stays for weeks without ever being unusual
for long is still learned.

SETTLING, SPAN: by meaning (two business days; the fortnight over which weekdays repeat and season moves
little), against the simulator's development machines, whose faults grow from nothing to grave in three days.
"""

from datetime import timedelta

from signalcraft.anomaly.decision import ENOUGH, Assessed

UNUSUAL = 2.0
WARY = ENOUGH / 2
SETTLING = timedelta(hours=48)
SPAN = timedelta(days=14)


def may_learn(clip: Assessed, total: float) -> bool:
    """Whether a judged clip may be learned some day. total: the decision's sum with this clip."""
    return not clip.grave and clip.surprise < UNUSUAL and not is_wary(total)


def is_wary(total: float) -> bool:
    """Whether the last clips add up to so much that nothing is learned anew now."""
    return total >= WARY


def spread(count: int, wanted: int) -> list[int]:
    """Places of at most `wanted` of `count` clips in the order of recording, spread evenly, the newest one
    among them."""
    if count <= wanted:
        return list(range(count))
    return [(place + 1) * count // wanted - 1 for place in range(wanted)]
