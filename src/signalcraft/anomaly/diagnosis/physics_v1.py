"""Method `physics-1`: which fault explains what has changed, by signatures written from physics.

Do not edit once diagnoses that name it are stored. Write a v2 instead.

Each condition has a signature: how much each indicator would change, as service and vibration literature has
it (ISO 13373-1 and -3, ISO 13379-1 for the form of fault and symptom tables, ISO 20816; Randall 2011; ASHRAE
Handbook, compressors and refrigerant; Breuker and Braun 1998). For one condition the compressed deviations
u = arcsinh(z / 2) are taken as independent, each with a Student distribution (4 degrees of freedom: one
misheard indicator must not decide) around the signature or, for parts that do not show, around no change. How
far a fault has grown is not known: the likelihood is the mean over several sizes of the signature. Against it
stands "unknown": each indicator may be anywhere in the range that faults move it over. The difference of the
two log-likelihoods, indicator by indicator, is the evidence that is shown; the sum, divided by `CAUTION`,
makes the probabilities. What fits nothing, or nothing but "no change", is `unknown_anomaly`.

The signatures' signs, and what is no part of them, come from the literature; five were completed with
neighbouring indicators (what a door's noise hides, how pulsed noise raises kurtosis) after a first look at
the simulator's development machines. On those (seeds 500,000 to 500,023, 510,000 to 510,009 and 520,000 to
520,011 at 6 and 0 dB) sizes were then moved by at most one step (SLIGHT, CLEAR, STRONG) from what was
written, and `WIDTH`, `CAUTION` and the priors were fitted, so that the true fault, and "unknown" where the
true fault was struck from the table, were the most probable. No recording that anything is tested with was
used. `evaluation/diagnosis.py` measures the outcome on other machines.
"""

import math

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.diagnosis.conditions import FAULTS, UNKNOWN
from signalcraft.anomaly.diagnosis.findings import Diagnosis, Evidence, Finding, ranked
from signalcraft.anomaly.diagnosis.indicators import INDICATORS, PLACE, UNMOVED, Indicators

NAME = "physics-1"

Array = NDArray[np.float64]

# Sizes of change at a moderate fault, as u: SLIGHT is 2 deviations, CLEAR 7, STRONG 20.
SLIGHT, CLEAR, STRONG = 0.9, 2.0, 3.0
SIZES = (0.2, 0.4, 0.6, 0.85, 1.1, 1.4)
_ANY = math.nan  # may change either way with this fault: no evidence

SIGNATURES: dict[str, dict[str, float]] = {
    # Balls over a pit: impacts that ring the seat above 1.5 kHz, out of step with the shaft; late also noise.
    "bearing_wear": {
        "rhythm_own": STRONG,
        "knocks_mid": CLEAR,
        "knocks_high": STRONG,
        "floor_mid": SLIGHT,
        "floor_high": CLEAR,
        "hiss": CLEAR,
        "vibration": CLEAR,
        "swell_fast": _ANY,
        "hiss_swell": _ANY,
    },
    # Centrifugal force, once a turn, nothing else: the first harmonic alone, and vibration.
    "imbalance": {
        "shaft": STRONG,
        "vibration": CLEAR,
        "floor_low": STRONG,
        "tonal": CLEAR,
        "shaft_upper": _ANY,
        "unsteady_low": _ANY,
        "swell_slow": _ANY,
        "swell_fast": _ANY,
    },
    # A foot that lifts off: a chopped wave with a half harmonic and many others, and knocks in step.
    "loose_mount": {
        "shaft": CLEAR,
        "shaft_half": STRONG,
        "shaft_upper": CLEAR,
        "rhythm_shaft": STRONG,
        "rhythm_low": STRONG,
        "knocks_low": SLIGHT,
        "floor_low": SLIGHT,
        "floor_body": SLIGHT,
        "floor_mid": SLIGHT,
        "vibration": CLEAR,
        "unsteady_low": CLEAR,
        "swell_slow": SLIGHT,
        "swell_fast": _ANY,
    },
    # Dry surfaces: noise of contact between 0.5 and 3.5 kHz that comes once a turn, and torque for it.
    "friction": {
        "floor_mid": STRONG,
        "floor_body": CLEAR,
        "floor_high": CLEAR,
        "hiss": CLEAR,
        "rhythm_shaft": STRONG,
        "rhythm_low": STRONG,
        "knocks_low": CLEAR,
        "knocks_mid": SLIGHT,
        "slip": STRONG,
        "power": CLEAR,
        "vibration": CLEAR,
        "hiss_swell": _ANY,
        "swell_slow": _ANY,
        "swell_fast": _ANY,
        "tonal": _ANY,
    },
    # Gas rushes back through a seat: hiss above 2 kHz, pulsed by the strokes; less work, longer runs.
    "valve_leak": {
        "floor_high": STRONG,
        "hiss": STRONG,
        "floor_mid": STRONG,
        "knocks_high": STRONG,
        "knocks_mid": CLEAR,
        "hiss_swell": SLIGHT,
        "rhythm_shaft": _ANY,
        "power": -CLEAR,
        "slip": -SLIGHT,
        "shaft": -CLEAR,
        "shaft_upper": -CLEAR,
        "duty": CLEAR,
        "run_time": SLIGHT,
        "temperature": SLIGHT,
        "swell_slow": _ANY,
        "swell_fast": _ANY,
    },
    # A piston meets liquid: single heavy knocks without a rhythm that brake the shaft and shake the housing.
    "liquid_slugging": {
        "knocks_low": SLIGHT,
        "unsteady_low": CLEAR,
        "swell_slow": STRONG,
        "swell_fast": STRONG,
        "vibration": STRONG,
        "power": SLIGHT,
        "knocks_mid": _ANY,
        "steps": _ANY,
        "rhythm_low": _ANY,
    },
    # More torque: more slip, more current, saturated iron hums in its harmonics.
    "overload": {
        "hum": STRONG,
        "hum_upper": STRONG,
        "slip": CLEAR,
        "slip_sidebands": CLEAR,
        "power": STRONG,
        "shaft": SLIGHT,
        "shaft_upper": CLEAR,
        "floor_low": STRONG,
        "floor_body": SLIGHT,
        "duty": CLEAR,
        "run_time": CLEAR,
        "temperature": SLIGHT,
        "vibration": SLIGHT,
    },
    # Less mass flow: less torque, current and strokes; bubbles in the expansion valve; long runs, no cold.
    "refrigerant_loss": {
        "power": -CLEAR,
        "slip": -CLEAR,
        "shaft": -SLIGHT,
        "shaft_upper": -SLIGHT,
        "hiss_swell": STRONG,
        "swell_slow": CLEAR,
        "unsteady_high": CLEAR,
        "knocks_low": SLIGHT,
        "duty": SLIGHT,
        "run_time": SLIGHT,
        "temperature": CLEAR,
        "floor_body": -SLIGHT,
        "floor_mid": _ANY,
        "floor_high": _ANY,
        "hiss": _ANY,
        "knocks_mid": _ANY,
        "knocks_high": _ANY,
        "rhythm_low": _ANY,
        "rhythm_shaft": _ANY,
        "swell_fast": _ANY,
        "starts": _ANY,
    },
    # Ice, dust, a broken blade: the fan turns slower and rushes in gusts; less air, more pressure and torque.
    "fan_fault": {
        "fan_speed": -STRONG,
        "fan_uneven": CLEAR,
        "swell_slow": SLIGHT,
        "swell_fast": SLIGHT,
        "slip": SLIGHT,
        "power": SLIGHT,
        "duty": SLIGHT,
        "run_time": SLIGHT,
        "temperature": SLIGHT,
        "floor_low": SLIGHT,
        "vibration": SLIGHT,
        "fan": _ANY,
        "floor_body": _ANY,
        "floor_mid": _ANY,
        "unsteady_low": _ANY,
        "rhythm_low": _ANY,
        "hiss_swell": _ANY,
        "tonal": _ANY,
    },
    # The sound of each run is as ever; there are more and shorter ones.
    "short_cycling": {
        "starts": STRONG,
        "run_time": -STRONG,
        "temperature": SLIGHT,
        "steps": _ANY,
        "power": _ANY,
        "duty": _ANY,
    },
    # The shop's air and sound come in, over all the machine's own tones and rhythms; the cold goes out.
    "door_open": {
        "temperature": STRONG,
        "warming": SLIGHT,
        "duty": SLIGHT,
        "run_time": CLEAR,
        "floor_low": SLIGHT,
        "floor_body": CLEAR,
        "floor_mid": STRONG,
        "floor_high": STRONG,
        "hiss": STRONG,
        "rhythm_low": -CLEAR,
        "rhythm_shaft": _ANY,
        "tonal": -SLIGHT,
        "fan": _ANY,
        "fan_speed": _ANY,
        "swell_slow": _ANY,
        "swell_fast": _ANY,
        "hiss_swell": _ANY,
        "unsteady_high": _ANY,
        "unsteady_low": _ANY,
    },
}

# How far u scatters around a signature, in the order of INDICATORS.
WIDTH: dict[str, float] = {
    "floor_low": 1.4,
    "floor_body": 0.6,
    "floor_mid": 1.6,
    "floor_high": 1.6,
    "unsteady_low": 1.6,
    "unsteady_high": 1.6,
    "hum": 1.1,
    "hum_upper": 0.5,
    "slip": 0.5,
    "slip_sidebands": 1.4,
    "shaft": 0.8,
    "shaft_upper": 1.5,
    "shaft_half": 0.5,
    "fan": 1.5,
    "fan_speed": 0.5,
    "fan_uneven": 0.9,
    "tonal": 1.6,
    "knocks_low": 1.6,
    "knocks_mid": 1.6,
    "knocks_high": 1.3,
    "rhythm_low": 1.6,
    "rhythm_own": 0.5,
    "rhythm_shaft": 1.3,
    "swell_slow": 1.3,
    "swell_fast": 1.5,
    "hiss_swell": 1.2,
    "hiss": 0.9,
    "steps": 1.6,
    "power": 1.6,
    "temperature": 0.5,
    "warming": 1.3,
    "vibration": 0.6,
    "starts": 1.0,
    "run_time": 0.5,
    "duty": 1.6,
}
UNKNOWN_WIDTH = 2.0
"""Of u under "unknown": as far as faults move most indicators."""
SHOWN = {SLIGHT: 0.5, CLEAR: 0.7, STRONG: 0.85}
"""How often a fault shows this part of its signature: one that has not moved is weak evidence against it."""
CAUTION = 1.2
"""Indicators are not independent: so many of them say what one would."""
PRIOR_UNKNOWN, PRIOR_NOTHING = 0.1, 0.05
_DEGREES = 4.0
LEAST_PROBABILITY = 0.01
MOST_EVIDENCE = 6
LEAST_WEIGHT = 0.3  # of evidence that is worth showing, in nats

_WIDTHS = np.array([WIDTH[indicator.name] for indicator in INDICATORS])


def _matrix() -> Array:
    """(faults + 1, k): the last is a machine in which nothing has changed."""
    table = np.zeros((len(FAULTS) + 1, len(INDICATORS)))
    for row, fault in enumerate(FAULTS):
        for name, size in SIGNATURES[fault].items():
            table[row, PLACE[name]] = size
    return table


_TABLE = _matrix()
_TELLS, _SIZES_OR_0 = np.isfinite(_TABLE), np.nan_to_num(_TABLE)
# Where nothing is to be shown both are the same.
_SHOWN = np.select([np.abs(_SIZES_OR_0) == size for size in SHOWN], list(SHOWN.values()), 0.5)
_PRIOR = np.array(
    [(1 - PRIOR_UNKNOWN - PRIOR_NOTHING) / len(FAULTS)] * len(FAULTS) + [PRIOR_NOTHING, PRIOR_UNKNOWN]
)


def diagnose(indicators: Indicators) -> Diagnosis:
    """Probabilities of all conditions for a clip that is not normal."""
    weights, total = evidence_weights(compressed(indicators.deviations))
    total = total / CAUTION
    # A fault is named only where something of its signature was observed.
    total[:-1][~_supported(weights[:-1], indicators)] = -np.inf
    share = _PRIOR * np.exp(np.append(total, 0.0) - max(float(total.max()), 0.0))
    share /= share.sum()
    named = share[: len(FAULTS)] >= LEAST_PROBABILITY
    findings = [
        Finding(fault, float(share[i]), _evidence(weights[i], indicators))
        for i, fault in enumerate(FAULTS)
        if named[i]
    ]
    # None of these, no change at all, and what is too little to name: not known.
    rest = max(0.0, 1 - sum(finding.probability for finding in findings))
    return ranked(NAME, [*findings, Finding(UNKNOWN, rest)])


def compressed(deviations: Array) -> Array:
    """u = arcsinh(z / 2): linear for small deviations, logarithmic for large ones. NaN stays NaN."""
    return np.arcsinh(deviations / 2)


def evidence_weights(u: Array) -> tuple[Array, Array]:
    """Log-likelihood ratios against "unknown": (faults + 1, k) of each fault at its best size, and (faults
    + 1,) of all indicators together over all sizes. The last row is of no change at all. u: (k,), NaN is
    0."""
    known = np.isfinite(u)
    value = np.where(known, u, 0.0)
    of_unknown = _log_student(value, np.hypot(_WIDTHS, UNKNOWN_WIDTH))
    not_shown = _log_student(value, _WIDTHS)
    best = np.zeros_like(_TABLE)
    best_total, over_sizes = (np.full(len(_TABLE), -np.inf) for _ in range(2))
    for size in SIZES:
        shown = _log_student(value - size * _SIZES_OR_0, _WIDTHS)
        ratios = np.logaddexp(shown + np.log(_SHOWN), not_shown + np.log(1 - _SHOWN)) - of_unknown
        ratios = np.where(known & _TELLS, ratios, 0.0)
        total = ratios.sum(axis=1)
        over_sizes = np.logaddexp(over_sizes, total - math.log(len(SIZES)))
        better = total > best_total
        best[better], best_total[better] = ratios[better], total[better]
    return best, over_sizes


def _supported(weights: Array, indicators: Indicators) -> NDArray[np.bool_]:
    """Whether an indicator that the signature names has moved its way, by at least two deviations."""
    moved = np.nan_to_num(indicators.deviations) * np.sign(_SIZES_OR_0[:-1])
    return np.asarray(((moved >= 2) & (weights > 0)).any(axis=1))


def _log_student(distance: Array, width: Array) -> Array:
    """Log density without the constant that all share."""
    density: Array = -(_DEGREES + 1) / 2 * np.log1p(np.square(distance / width) / _DEGREES) - np.log(width)
    return density


def _evidence(weights: Array, indicators: Indicators) -> tuple[Evidence, ...]:
    """What has moved, and what has not although it should have."""
    moved = np.abs(np.nan_to_num(indicators.deviations)) >= UNMOVED
    worth = np.where(moved | (weights < 0), np.abs(weights), 0.0)
    order = np.argsort(-worth, kind="stable")[:MOST_EVIDENCE]
    return tuple(
        Evidence(
            indicator=INDICATORS[i].name,
            delta=float(indicators.deltas[i]),
            unit=INDICATORS[i].unit,
            deviations=float(indicators.deviations[i]),
            weight=float(weights[i]),
            text=INDICATORS[i].said(float(indicators.deviations[i])),
        )
        for i in order.tolist()
        if worth[i] >= LEAST_WEIGHT
    )
