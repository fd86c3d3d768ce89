"""Run state `runstate-1`: is the compressor off, starting, running or stopping, defrosting, is a door open?

A machine is only ever compared with its own behaviour in the same state. The state comes from the clip, from
the current, vibration and storage temperature where the node measures them, and from what the machine has
shown of itself so far (`learn`); nobody labels anything.

    model = learn(xs, surroundings, names)           # stored vectors of one machine, in any order
    heard = estimate(model, x, names, surroundings)  # model None: a machine never heard before
    group = comparison_state(heard)                  # which baseline the clip belongs to

`estimate` weighs hypotheses by Bayes' rule with cues taken as independent: for each hypothesis how likely the
tones, the step within the clip, the airborne level, the current, the vibration and the temperature are. What
each hypothesis expects is physics (`runstate_hypotheses`); where "running" and "standing" lie is learned.
Every cue has heavy tails, so that none of them can decide alone against all others, and tones and vibration
count on one side only: louder than running is running, so that a fault does not look like another state.

Parameters were chosen from that physics, and checked on the simulator's development seeds (below 600000).
One rule came of a look at real recordings, of a compressor in three states, without their labels: sets of one
state alone fell in two, so a split now needs a motor's lines or a great rise (`runstate_model._motor_adds`).

Do not edit: results that name it are stored. Write the next version beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import ArrayLike

from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.runstate_cues import N_CUES, Named, add_surroundings, of_sound
from signalcraft.anomaly.runstate_cycles import RECENT_S, RUNS_BEFORE_AND_AFTER, Cycles, cycles
from signalcraft.anomaly.runstate_hypotheses import HYPOTHESES, weigh
from signalcraft.anomaly.runstate_model import NAME, StateModel, from_cues
from signalcraft.anomaly.surroundings import UNKNOWN, Surroundings

__all__ = [
    "NAME",
    "RECENT_S",
    "RUNS_BEFORE_AND_AFTER",
    "STATES",
    "Cycles",
    "StateEstimate",
    "StateModel",
    "comparison_state",
    "cycles",
    "estimate",
    "learn",
]

STATES = ("off", "starting", "running", "stopping", "defrost", "door_open", "unknown")
LEAST_PROBABILITY = 0.5
"""Below, the state is `unknown`: more speaks against the likeliest state than for it."""


@dataclass(frozen=True)
class StateEstimate:
    """state: one of STATES. probability: of that state, 0 to 1; of the likeliest one if it is `unknown`.
    probabilities: of every state but `unknown`; their sum is 1. evidence: for each cue that was there, by how
    much it speaks for the likeliest state rather than for the next, as a logarithm of odds (nats): negative
    speaks against it."""

    state: str
    probability: float
    probabilities: dict[str, float]
    evidence: dict[str, float]


def learn(xs: ArrayLike, surroundings: Sequence[Surroundings], names: Sequence[Named]) -> StateModel:
    """What running and standing are like for one machine, from its clips without labels.

    xs: float (n, p) feature vectors in any order, NaN where a clip did not tell. surroundings: one each, or
    empty if nothing is known of any. names: of the features. Raises BaselineError where these don't fit.
    """
    x = np.asarray(xs, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != len(names):
        raise BaselineError(f"run states need vectors of {len(names)} features, not an array of {x.shape}")
    if surroundings and len(surroundings) != len(x):
        raise BaselineError(f"{len(x)} clips have {len(surroundings)} surroundings")
    cues = of_sound(x, tuple(names))
    for row, known in zip(cues, surroundings, strict=bool(surroundings)):
        add_surroundings(row, known)
    return from_cues(cues)


def estimate(
    model: StateModel | None,
    x: ArrayLike | None,
    names: Sequence[Named],
    surroundings: Surroundings = UNKNOWN,
) -> StateEstimate:
    """The state of a clip. model: None for a machine never heard before. x: float (p,), or None for a moment
    of which only readings are known. Raises BaselineError if x and names don't fit."""
    cues = np.full(N_CUES, np.nan)
    if x is not None:
        vector = np.asarray(x, dtype=np.float64)
        if vector.shape != (len(names),):
            raise BaselineError(f"run states need {len(names)} features, not an array of {vector.shape}")
        cues = of_sound(vector[None], tuple(names))[0]
    add_surroundings(cues, surroundings)
    total, said = weigh(model, cues.tolist(), surroundings.previous_state)
    highest = max(total)
    weights = [exp(value - highest) for value in total]
    probabilities = dict.fromkeys(STATES[:-1], 0.0)
    for hypothesis, weight in zip(HYPOTHESES, weights, strict=True):
        probabilities[hypothesis.state] += weight / sum(weights)
    likeliest = max(probabilities, key=lambda state: probabilities[state])
    first = _likeliest(total, [h.state == likeliest for h in HYPOTHESES])
    second = _likeliest(total, [h.state != likeliest for h in HYPOTHESES])
    return StateEstimate(
        likeliest if probabilities[likeliest] >= LEAST_PROBABILITY else "unknown",
        probabilities[likeliest],
        probabilities,
        {cue: logs[first] - logs[second] for cue, logs in said.items()},
    )


def comparison_state(heard: StateEstimate) -> str | None:
    """Which of the machine's baselines a clip belongs to, learns and is judged by; None for neither.

    Each state is a group of its own, the transients (starting, stopping), defrost and an open door too: they
    are judged as soon as their own group has enough clips for a baseline, and not before; no state borrows
    another's. An unknown state belongs to no group.
    """
    return None if heard.state == "unknown" else heard.state


def _likeliest(total: Sequence[float], allowed: Sequence[bool]) -> int:
    return max((i for i, ok in enumerate(allowed) if ok), key=lambda i: total[i])
