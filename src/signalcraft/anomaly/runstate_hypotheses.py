"""What each run state would sound and measure like, and how well a clip's cues fit it.

The cues are taken as independent given the hypothesis. A likelihood here is relative: only its ratio between
hypotheses counts. Tones, vibration and current count on one side only (louder than running is running), with
a deviation of at least a part of the distance between the two states, so that neither a fault nor a loose
microphone looks like another state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isnan, log, nan

from signalcraft.anomaly.runstate_cues import (
    AIR,
    HISS,
    LINES,
    N_CUES,
    POWER,
    PROMINENCE,
    QUIETER,
    SLOPE,
    STEP,
    TONES,
    VIBRATION,
)
from signalcraft.anomaly.runstate_model import StateModel

# Chances before anything is heard, by how such machines spend their day: two runs or three an hour of which
# ten seconds each begin and end, a door opened for a quarter of a minute some six times an hour by day, two
# or three defrosts of twenty minutes. Whether it runs or stands is learned; one half, if nothing was.
_PRIOR = {"starting": 0.015, "stopping": 0.015, "defrost": 0.03, "door_open": 0.03}
# How much likelier a state is after another one some minutes before: a defrost and an open door last, a
# compressor that stands does not stop, one that runs does not start.
_AFTER = {
    ("off", "stopping"): 0.3,
    ("running", "starting"): 0.3,
    ("starting", "starting"): 0.3,
    ("stopping", "stopping"): 0.3,
    ("defrost", "defrost"): 15.0,
    ("door_open", "door_open"): 3.0,
    ("off", "off"): 1.5,
    ("running", "running"): 1.5,
}
# Of a cue that follows another law than the one assumed (the sensor is loose, a lorry passes).
_OUTLIER = 0.03
# Where nothing was learned of standing: tones 20 dB lower, as far as a compressor's own lines usually stand
# above an otherwise quiet shop, and uncertain by 6 dB.
_ASSUMED_GAP_DB, _ASSUMED_SPREAD_DB = 20.0, 6.0
# A fault may take a third off the current, or off the tones' distance to standing.
_SHARE_OF_GAP = 0.15
# Prominence of the clearest line when nothing of the machine is known: chance gives up to 9 dB (`dsp.lines`),
# a motor beside the microphone 20 and more.
_PROMINENCE_OFF, _PROMINENCE_ON, _PROMINENCE_SPREAD = 6.0, 22.0, 5.0
# Steps that a start makes, and the share of starts of which the clip holds only what follows.
_STEP_FROM_DB, _STEP_TO_DB = 3.0, 40.0
_STEP_MISSED = 0.4
# A store with a heater on, or with its door open, warms by tenths of a degree a minute (mean of an
# exponential), but heater or door have often begun so lately that the sensor does not know yet.
_WARMS_C_PER_MIN = 0.3
_NOT_YET_WARMING = 0.5
# How much louder the air is by an open door, by hiss or by passing noise (mean of an exponential), how often a
# clip has passing noise, and how often door or defrost can be heard in the air at all.
_LOUDER_DB = 6.0
_PASSING_NOISE = 0.15
_LOUDER_HEARD = 0.6

Pairs = list[tuple[float, float]]
"""(centre, deviation) of each cue, NaN where not known."""


@dataclass(frozen=True)
class Hypothesis:
    """before, after: whether the compressor runs at the clip's begin and end. heater: another current flows.
    opened: the storage warms and the air is louder than usual."""

    state: str
    before: bool
    after: bool
    heater: bool = False
    opened: bool = False


HYPOTHESES = (
    Hypothesis("running", True, True),
    Hypothesis("off", False, False),
    Hypothesis("starting", False, True),
    Hypothesis("stopping", True, False),
    Hypothesis("defrost", False, False, heater=True, opened=True),
    Hypothesis("defrost", True, True, opened=True),  # hot gas: the compressor itself defrosts
    Hypothesis("door_open", True, True, opened=True),
    Hypothesis("door_open", False, False, opened=True),
)


def weigh(
    model: StateModel | None, cues: list[float], previous: str | None
) -> tuple[list[float], dict[str, list[float]]]:
    """Logarithms, by hypothesis, of the (unscaled) probability, and of what each cue contributed to it."""
    on, off = _expected(model)
    share_on = 0.5 if model is None else (model.n_on + 1.0) / (model.n_on + model.n_off + 2.0)
    total = [log(_prior(hypothesis, share_on, previous)) for hypothesis in HYPOTHESES]
    said: dict[str, list[float]] = {}
    for name, likelihood in _LIKELIHOODS.items():
        fits = likelihood(cues, on, off)
        if fits is not None:
            said[name] = [log(fit) for fit in fits]
            total = [a + b for a, b in zip(total, said[name], strict=True)]
    return total, said


def _prior(hypothesis: Hypothesis, share_on: float, previous: str | None) -> float:
    chance = _PRIOR.get(hypothesis.state, 1 - sum(_PRIOR.values()))
    if hypothesis.state not in ("starting", "stopping"):
        chance *= share_on if hypothesis.after else 1 - share_on
    else:
        chance *= 2 * min(share_on, 1 - share_on)  # who never stands never starts
    return chance * _AFTER.get((previous or "", hypothesis.state), 1.0)


def _expected(model: StateModel | None) -> tuple[Pairs, Pairs]:
    """While on, while off; what was not learned is assumed where physics allows it."""
    if model is None:
        unknown = [(nan, nan)] * N_CUES
        return unknown, unknown
    on: Pairs = [(float(c), float(s)) for c, s in model.on]
    off: Pairs = [(float(c), float(s)) for c, s in model.off]
    for cue in (TONES, LINES):
        if isnan(off[cue][0]):
            off[cue] = on[cue][0] - _ASSUMED_GAP_DB, _ASSUMED_SPREAD_DB
    return on, off


def _tones(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    """Level and lines of the compressor's tones say the same thing twice: their geometric mean counts."""
    levels = [fit for cue in (TONES, LINES) if (fit := _on_off(cues[cue], on[cue], off[cue])) is not None]
    if not levels:
        prominence = cues[PROMINENCE]
        if isnan(prominence):
            return None
        spread = _PROMINENCE_SPREAD
        found = _on_off(prominence, (_PROMINENCE_ON, spread), (_PROMINENCE_OFF, spread))
        levels = [found] if found is not None else []
    runs, stands = (_geometric_mean([fit[i] for fit in levels]) for i in (0, 1))
    quieter = _on_off(cues[QUIETER], on[TONES], off[TONES]) or (1.0, 1.0)
    changes = runs * (_STEP_MISSED * quieter[0] + (1 - _STEP_MISSED) * quieter[1])
    # The quieter end says little beyond the louder one, but that nothing changes.
    steady = {True: runs * quieter[0] ** 0.5, False: stands}
    return [steady[h.after] if h.before == h.after else changes for h in HYPOTHESES]


def _step(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    step = cues[STEP]
    if isnan(step):
        return None
    spread = 2.0 if isnan(on[STEP][1]) else max(on[STEP][1], abs(on[STEP][0]))
    usual = exp(-min((step / spread) ** 2, 1000.0) / 2) / (2.5 * spread) + _OUTLIER / (2 * _STEP_TO_DB)
    width = _STEP_TO_DB - _STEP_FROM_DB

    def changes(by: float) -> float:
        heard = 1 / width if _STEP_FROM_DB <= by <= _STEP_TO_DB else 0.0
        return _STEP_MISSED * usual + (1 - _STEP_MISSED) * heard

    return [usual if h.before == h.after else changes(step if h.after else -step) for h in HYPOTHESES]


def _power(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    """A heater's current is anything that is clearly more than standing draws."""
    fit = _on_off(cues[POWER], on[POWER], off[POWER])
    if fit is None:
        return None
    runs, stands = fit
    heats = 1 + _OUTLIER - stands

    def likelihood(h: Hypothesis) -> float:
        if h.heater:
            return heats
        if h.before != h.after:
            return (runs + stands) / 2  # the reading may be of before or after
        return runs if h.after else stands

    return [likelihood(h) for h in HYPOTHESES]


def _vibration(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    fit = _on_off(cues[VIBRATION], on[VIBRATION], off[VIBRATION])
    if fit is None:
        return None
    runs, stands = fit
    return [(runs if h.after else stands) if h.before == h.after else (runs + stands) / 2 for h in HYPOTHESES]


def _temperature(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    slope = cues[SLOPE]
    if isnan(slope) or isnan(on[SLOPE][0]):
        return None

    def likelihood(h: Hypothesis) -> float:
        usual = _gauss(slope, on[SLOPE] if h.before or isnan(off[SLOPE][0]) else off[SLOPE])
        rises = _exponential(slope - max(on[SLOPE][0], 0.0), _WARMS_C_PER_MIN)
        share = 1 - _NOT_YET_WARMING if h.opened else _OUTLIER
        return (1 - share) * usual + share * rises + 0.01

    return [likelihood(h) for h in HYPOTHESES]


def _air(cues: list[float], on: Pairs, off: Pairs) -> list[float] | None:
    """By how much the quiet moments are louder than usual when the compressor does the same."""
    cue = HISS if isnan(cues[AIR]) else AIR
    if isnan(cues[cue]) or isnan(on[cue][0]):
        return None

    def likelihood(h: Hypothesis) -> float:
        if h.before != h.after or (not h.before and isnan(off[cue][0])):
            return 1 / _STEP_TO_DB  # any level between the two
        usual = on[cue] if h.before else off[cue]
        louder = _exponential(cues[cue] - usual[0], _LOUDER_DB)
        share = _LOUDER_HEARD if h.opened else _PASSING_NOISE
        return (1 - share) * _gauss(cues[cue], usual) + share * louder + _OUTLIER / (2 * _STEP_TO_DB)

    return [likelihood(h) for h in HYPOTHESES]


_LIKELIHOODS: dict[str, Callable[[list[float], Pairs, Pairs], list[float] | None]] = {
    "tones": _tones,
    "step": _step,
    "power": _power,
    "vibration": _vibration,
    "temperature": _temperature,
    "air": _air,
}


def _on_off(value: float, on: tuple[float, float], off: tuple[float, float]) -> tuple[float, float] | None:
    """How well a value fits running and standing, each from _OUTLIER to 1 + _OUTLIER."""
    if isnan(value) or isnan(on[0]) or isnan(off[0]):
        return None
    least = _SHARE_OF_GAP * max(on[0] - off[0], 0.0)
    below = min((value - on[0]) / max(on[1], least), 0.0)
    above = max((value - off[0]) / max(off[1], least), 0.0)
    return _bell(below) + _OUTLIER, _bell(above) + _OUTLIER


def _bell(z: float) -> float:
    return exp(-min(z * z, 1000.0) / 2)


def _gauss(value: float, of: tuple[float, float]) -> float:
    """Density of the usual."""
    centre, spread = of
    return _bell((value - centre) / spread) / (2.5 * spread)


def _exponential(excess: float, mean: float) -> float:
    return exp(-excess / mean) / mean if excess >= 0 else 0.0


def _geometric_mean(values: list[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return product ** (1 / len(values))
