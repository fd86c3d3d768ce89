"""What each run state would sound and measure like, and how well a clip's cues fit it.

The cues are taken as independent given the hypothesis. A likelihood here is relative: only its ratio between
hypotheses counts. Two things must not happen, and shape these laws:

- **A fault must not look like another state**, where it would never be judged. So tones, vibration and
  current count on one side only (louder than running is running), with a deviation of at least a part of the
  distance between the two states; an open door must cover the beat of the pistons, which a worn part does
  not; a defrost by hot gas must be alike each time; and neither a start nor a door follows its like.
- **No cue decides alone**: each has a floor, as a sensor may be loose and a lorry may pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isnan, log, nan, prod

from signalcraft.anomaly.runstate_cues import (
    AIR,
    N_CUES,
    N_LINES,
    POWER,
    PROMINENCE,
    QUIETER,
    RHYTHM,
    SHINE,
    SLOPE,
    STEP,
    TICKS,
    TONES,
    VIBRATION,
)
from signalcraft.anomaly.runstate_model import Pairs, StateModel

# Chances before anything is heard, by how such machines spend their day: two runs or three an hour of which
# ten seconds each begin and end, a door opened for a quarter of a minute some six times an hour by day, two
# or three defrosts of twenty minutes. Whether it runs or stands is learned; one half, if nothing was.
_PRIOR = {"starting": 0.015, "stopping": 0.015, "defrost": 0.03, "door_open": 0.03}
# How much likelier a state is some minutes after another. A heater heats for a quarter of an hour. A start or
# stop does not follow its like; nor does a door stand open in two clips, unless the store warms: a fault
# that sounds like any of these would else hide in that state for ever.
_AFTER = {
    ("off", "off"): 1.5,
    ("off", "starting"): 2.0,
    ("off", "stopping"): 0.1,
    ("running", "running"): 1.5,
    ("running", "stopping"): 2.0,
    ("running", "starting"): 0.1,
    ("starting", "starting"): 0.02,
    ("stopping", "stopping"): 0.02,
    ("defrost", "defrost"): 15.0,
    ("door_open", "door_open"): 0.1,
}
# Of a cue that follows another law than the one assumed (the sensor is loose, a lorry passes).
_OUTLIER = 0.03
_POWER_OUTLIER = 0.01  # a wired sensor errs less often
# Where nothing was learned of standing: tones 20 dB lower, as far as a compressor's own lines usually stand
# above an otherwise quiet shop, and uncertain by 6 dB.
_ASSUMED_GAP_DB, _ASSUMED_SPREAD_DB = 20.0, 6.0
# A fault may take a third off the current, or off the tones' distance to standing.
_SHARE_OF_GAP = 0.15
# Prominence of the clearest line when nothing of the machine is known: chance gives up to 9 dB (`dsp.lines`),
# a motor beside the microphone 20 and more; but so does another machine's motor, for all one can tell.
_UNSURE = 0.1
_PROMINENCE_OFF, _PROMINENCE_ON, _PROMINENCE_SPREAD = 6.0, 22.0, 5.0
# Steps that a start makes, and the share of starts of which the clip holds only what follows.
_STEP_FROM_DB, _STEP_TO_DB = 3.0, 40.0
_START_MISSED, _STOP_MISSED = 0.45, 0.3  # eight and four seconds of what counts, before a clip of ten
# A store with a heater on, or with its door open, warms by tenths of a degree a minute (mean of an
# exponential), but heater or door have often begun so lately that the sensor does not know yet.
_WARMS_C_PER_MIN = 0.3
_NOT_YET_WARMING = 0.5
# How much louder the air is by an open door, by hiss or by passing noise (mean of an exponential), how often
# a clip has passing noise all along, and how often door or defrost can be heard in the air at all.
_LOUDER_DB = 6.0
_PASSING_NOISE = 0.03
_LOUDER_HEARD = 0.6
# What a cabinet's door keeps out above 4 kHz, and how that varies with shop and gap.
_THROUGH_A_DOOR_DB = (10.0, 5.0)
# By how much the beat of the machine drowns in that; how often it is weak for another reason; what is left of
# the chance of a door where nothing is known of the beat.
_RHYTHM_COVERED_DB, _RHYTHM_SPREAD_DB, _RHYTHM_WEAK, _RHYTHM_UNKNOWN = 10.0, 5.0, 0.1, 0.3
_RHYTHM_RANGE_DB = 20.0
_RHYTHM_CHANCE_DB = 10.0  # the clearest line of noise; see `dsp.envelope`
_TICKS_DB, _TICKS_COVERED_DB = 2.0, 1.5
_GAS_TICKS_DB = 0.5  # deviation between defrosts, which three clips of one do not show

_TONAL = (TONES, *range(N_LINES))
_TONES_LEAST = 1e-3  # all tones together must not decide alone
_NEVER = 1e-9  # a machine that was never heard to defrost with hot gas is not taken to do it now


@dataclass(frozen=True)
class Hypothesis:
    """before, after: whether the compressor runs at the clip's begin and end. heater: another current flows.
    gas: the compressor defrosts, as it was heard to do before. opened: the storage warms and the air is
    louder than usual."""

    state: str
    before: bool
    after: bool
    heater: bool = False
    gas: bool = False
    opened: bool = False


@dataclass(frozen=True)
class Learned:
    """What each cue is like while the compressor runs, stands, defrosts by hot gas."""

    on: Pairs
    off: Pairs
    gas: Pairs

    def like(self, h: Hypothesis, cue: int) -> tuple[float, float]:
        """What a clip begins with; as while running where standing was never heard."""
        if h.gas:
            return self.gas[cue]
        return self.on[cue] if h.before or isnan(self.off[cue][0]) else self.off[cue]


HYPOTHESES = (
    Hypothesis("running", True, True),
    Hypothesis("off", False, False),
    Hypothesis("starting", False, True),
    Hypothesis("stopping", True, False),
    Hypothesis("defrost", False, False, heater=True, opened=True),
    Hypothesis("defrost", True, True, gas=True, opened=True),
    Hypothesis("door_open", True, True, opened=True),
    Hypothesis("door_open", False, False, opened=True),
)


def weigh(
    model: StateModel | None, cues: list[float], previous: str | None
) -> tuple[list[float], dict[str, list[float]]]:
    """Logarithms, by hypothesis, of the (unscaled) probability, and of what each cue contributed to it."""
    learned = _expected(model)
    n_on, n_off, n_gas = (0, 0, 0) if model is None else (model.n_on, model.n_off, model.n_gas)
    share_on = (n_on + n_gas + 1) / (n_on + n_off + n_gas + 2)
    share_gas = n_gas / max(n_on + n_off + n_gas, 1)
    total = [log(_prior(h, share_on, share_gas, previous)) for h in HYPOTHESES]
    said: dict[str, list[float]] = {}
    for name, likelihood in _LIKELIHOODS.items():
        fits = likelihood(cues, learned)
        if fits is not None:
            said[name] = [log(fit) for fit in fits]
            total = [a + b for a, b in zip(total, said[name], strict=True)]
    return total, said


def _prior(hypothesis: Hypothesis, share_on: float, share_gas: float, previous: str | None) -> float:
    if hypothesis.gas:
        return max(share_gas, _NEVER)
    chance = _PRIOR.get(hypothesis.state, 1 - sum(_PRIOR.values()))
    if hypothesis.state in ("starting", "stopping", "defrost"):
        chance *= 2 * min(share_on, 1 - share_on)  # who never stands never starts
    else:
        chance *= share_on if hypothesis.after else 1 - share_on
    return chance * _AFTER.get((previous or "", hypothesis.state), 1.0)


def _expected(model: StateModel | None) -> Learned:
    """What was not learned of standing is assumed where physics allows it."""
    if model is None:
        unknown = [(nan, nan)] * N_CUES
        return Learned(unknown, unknown, unknown)
    on, learned_off, gas = model.pairs
    off = learned_off.copy()
    for cue in _TONAL:
        if isnan(off[cue][0]):
            off[cue] = on[cue][0] - _ASSUMED_GAP_DB, _ASSUMED_SPREAD_DB
    return Learned(on, off, gas if model.n_gas else on)


def _tones(cues: list[float], learned: Learned) -> list[float] | None:
    """Every line votes, with half its weight: lines that rise and fall together say the same thing twice."""
    on, off = learned.on, learned.off
    fits = [fit for cue in _TONAL if (fit := _on_off(cues[cue], on[cue], off[cue])) is not None]
    if not fits:
        spread = _PROMINENCE_SPREAD
        fit = _on_off(cues[PROMINENCE], (_PROMINENCE_ON, spread), (_PROMINENCE_OFF, spread))
        if fit is None:
            return None
        fits = [(max(fit[0], _UNSURE), max(fit[1], _UNSURE))]
    runs, stands = (max(prod(fit[i] for fit in fits) ** 0.5, _TONES_LEAST) for i in (0, 1))
    # Lines over the whole of a clip with a switch in it lie somewhere between; what tells are its two ends.
    louder = fits[0][0]
    quieter = _on_off(cues[QUIETER], on[TONES], off[TONES]) or (1.0, 1.0)
    starts = _START_MISSED * runs * quieter[0] + (1 - _START_MISSED) * louder * quieter[1]
    stops = _STOP_MISSED * stands + (1 - _STOP_MISSED) * louder * quieter[1]
    by_course = {(True, True): runs, (False, False): stands, (False, True): starts, (True, False): stops}
    return [by_course[h.before, h.after] for h in HYPOTHESES]


def _step(cues: list[float], learned: Learned) -> list[float] | None:
    step = cues[STEP]
    if isnan(step):
        return None
    spread = 2.0 if isnan(learned.on[STEP][1]) else learned.on[STEP][1]
    usual = exp(-min((step / spread) ** 2, 1000.0) / 2) / (2.5 * spread) + _OUTLIER / (2 * _STEP_TO_DB)
    width = _STEP_TO_DB - _STEP_FROM_DB

    def changes(by: float, missed: float) -> float:
        heard = 1 / width if _STEP_FROM_DB <= by <= _STEP_TO_DB else 0.0
        return missed * usual + (1 - missed) * heard

    starts, stops = changes(step, _START_MISSED), changes(-step, _STOP_MISSED)
    return [usual if h.before == h.after else starts if h.after else stops for h in HYPOTHESES]


def _power(cues: list[float], learned: Learned) -> list[float] | None:
    """A heater's current is anything that is clearly more than standing draws."""
    fit = _on_off(cues[POWER], learned.on[POWER], learned.off[POWER], _POWER_OUTLIER)
    if fit is None:
        return None
    runs, stands = fit
    heats = 1 + 2 * _POWER_OUTLIER - stands

    def likelihood(h: Hypothesis) -> float:
        if h.heater:
            return heats
        if h.before != h.after:
            return (runs + stands) / 2  # the reading may be of before or after
        return runs if h.after else stands

    return [likelihood(h) for h in HYPOTHESES]


def _vibration(cues: list[float], learned: Learned) -> list[float] | None:
    fit = _on_off(cues[VIBRATION], learned.on[VIBRATION], learned.off[VIBRATION])
    if fit is None:
        return None
    runs, stands = fit
    return [(runs if h.after else stands) if h.before == h.after else (runs + stands) / 2 for h in HYPOTHESES]


def _temperature(cues: list[float], learned: Learned) -> list[float] | None:
    slope = cues[SLOPE]
    if isnan(slope) or isnan(learned.on[SLOPE][0]):
        return None

    def likelihood(h: Hypothesis) -> float:
        usual = _gauss(slope, learned.like(h, SLOPE))
        rises = _exponential(slope - max(learned.on[SLOPE][0], 0.0), _WARMS_C_PER_MIN)
        share = 1 - _NOT_YET_WARMING if h.opened else _OUTLIER
        return (1 - share) * usual + share * rises + 0.01

    return [likelihood(h) for h in HYPOTHESES]


def _air(cues: list[float], learned: Learned) -> list[float] | None:
    """The quiet moments. Flow builds up over seconds after a start and hisses on after a stop: in between."""
    air, on, off = cues[AIR], learned.on[AIR], learned.off[AIR]
    if isnan(air) or isnan(on[0]):
        return None

    def likelihood(h: Hypothesis) -> float:
        if h.before != h.after or (not h.before and isnan(off[0])):
            return _between(air, on, off)
        if h.gas:
            return _alike(air, learned.gas[AIR])
        return _usual_or_more(air, learned.like(h, AIR), _LOUDER_HEARD if h.opened else _PASSING_NOISE)

    return [likelihood(h) for h in HYPOTHESES]


def _shine(cues: list[float], learned: Learned) -> list[float] | None:
    """High notes: a closed door keeps most of them out; a hot heater hisses under the drops."""
    shine = cues[SHINE]
    if isnan(shine) or isnan(learned.on[SHINE][0]):
        return None

    def kept(usual: tuple[float, float], share: float) -> float:
        # Duller than usual is no sign of anything here.
        return _usual_or_more(max(shine, usual[0]), usual, share)

    def likelihood(h: Hypothesis) -> float:
        usual = learned.like(h, SHINE)
        if h.before != h.after:
            other = usual if isnan(learned.off[SHINE][0]) else learned.off[SHINE]
            return (kept(learned.on[SHINE], _PASSING_NOISE) + kept(other, _PASSING_NOISE)) / 2
        if h.state == "door_open":
            return _gauss(shine - usual[0], _THROUGH_A_DOOR_DB) + 1e-4
        if h.gas:
            return _alike(shine, usual)
        return kept(usual, _LOUDER_HEARD if h.heater else _PASSING_NOISE)

    return [likelihood(h) for h in HYPOTHESES]


def _ticks(cues: list[float], learned: Learned) -> list[float] | None:
    """Spikes: drops, and metal that expands, by a heater; the relay as it switches; a bearing. An open door
    has none of these, and covers the pistons' own."""
    ticks = cues[TICKS]
    if isnan(ticks) or isnan(learned.on[TICKS][0]):
        return None

    def likelihood(h: Hypothesis) -> float:
        usual = learned.on[TICKS] if h.after else learned.like(h, TICKS)
        covered = 1 / _TICKS_COVERED_DB if -_TICKS_COVERED_DB < ticks - usual[0] < usual[1] else 0.0
        if h.state == "door_open" and h.after:
            return 0.9 * covered + 0.1 * _gauss(ticks, usual) + 1e-4
        if h.gas:
            return _alike(ticks, (usual[0], max(usual[1], _GAS_TICKS_DB)))
        kept = _usual_or_more(ticks, usual, _ticking(h), _TICKS_DB)
        if h.before != h.after and not isnan(learned.off[TICKS][0]):
            kept = (kept + _usual_or_more(ticks, learned.off[TICKS], _ticking(h), _TICKS_DB)) / 2
        return (1 - _RHYTHM_WEAK) * kept + _RHYTHM_WEAK * covered

    return [likelihood(h) for h in HYPOTHESES]


def _ticking(h: Hypothesis) -> float:
    """In what share of clips."""
    if h.heater:
        return 0.6
    return 0.3 if h.before != h.after else 0.05 if h.after else 0.02


def _rhythm(cues: list[float], learned: Learned) -> list[float] | None:
    """What comes through a door covers the beat of pistons and fan in the high notes; what a worn part adds
    beats as it turns. Without this, a bearing or a leaking valve would sound like an open door."""
    rhythm, usual = cues[RHYTHM], learned.on[RHYTHM]
    if isnan(learned.on[SHINE][0]):
        return None
    if isnan(rhythm) or isnan(usual[0]):
        return [_RHYTHM_UNKNOWN if h.state == "door_open" and h.before else 1.0 for h in HYPOTHESES]

    def likelihood(h: Hypothesis) -> float:
        own = learned.like(h, RHYTHM) if h.gas else usual
        kept = _gauss(min(rhythm, own[0]), own)  # clearer than usual is a fault, and running
        drowned = max(own[0] - _RHYTHM_COVERED_DB, _RHYTHM_CHANCE_DB), _RHYTHM_SPREAD_DB
        covered = _gauss(min(rhythm, own[0]) if rhythm < own[0] + own[1] else rhythm, drowned)
        share = 1 - _OUTLIER if h.state == "door_open" and h.before else _RHYTHM_WEAK
        if h.before != h.after:  # heard for a part of the clip
            return kept / 2 + 0.5 / _RHYTHM_RANGE_DB
        return (1 - share) * kept + share * covered + 1e-4

    return [likelihood(h) for h in HYPOTHESES]


_LIKELIHOODS: dict[str, Callable[[list[float], Learned], list[float] | None]] = {
    "tones": _tones,
    "step": _step,
    "power": _power,
    "vibration": _vibration,
    "temperature": _temperature,
    "air": _air,
    "shine": _shine,
    "ticks": _ticks,
    "rhythm": _rhythm,
}


def _on_off(
    value: float, on: tuple[float, float], off: tuple[float, float], outlier: float = _OUTLIER
) -> tuple[float, float] | None:
    """How well a value fits running and standing, each from `outlier` to 1 + `outlier`."""
    if isnan(value) or isnan(on[0]) or isnan(off[0]):
        return None
    least = _SHARE_OF_GAP * max(on[0] - off[0], 0.0)
    below = min((value - on[0]) / max(on[1], least), 0.0)
    above = max((value - off[0]) / max(off[1], least), 0.0)
    return _bell(below) + outlier, _bell(above) + outlier


def _bell(z: float) -> float:
    return exp(-min(z * z, 1000.0) / 2)


def _gauss(value: float, of: tuple[float, float]) -> float:
    """Density of the usual."""
    centre, spread = of
    return _bell((value - centre) / spread) / (2.5 * spread)


def _alike(value: float, of: tuple[float, float]) -> float:
    """A hot-gas defrost sounds the same each time; what only resembles it may be a fault."""
    return _gauss(value, of) + 1e-5


def _usual_or_more(
    value: float, usual: tuple[float, float], share: float, more_db: float = _LOUDER_DB
) -> float:
    """share: of clips in which something adds to the usual, by more_db on average."""
    more = _exponential(value - usual[0], more_db)
    return (1 - share) * _gauss(value, usual) + share * more + _OUTLIER / (2 * _STEP_TO_DB)


def _between(value: float, on: tuple[float, float], off: tuple[float, float]) -> float:
    """Evenly from standing to running, with their deviations at the ends."""
    low, high = (on[0] - _ASSUMED_GAP_DB if isnan(off[0]) else off[0]), on[0]
    inside = low - 2 * on[1] <= value <= high + 2 * on[1]
    return (1 / (max(high - low, 0.0) + 4 * on[1]) if inside else 0.0) + _OUTLIER / (2 * _STEP_TO_DB)


def _exponential(excess: float, mean: float) -> float:
    return exp(-excess / mean) / mean if excess >= 0 else 0.0
