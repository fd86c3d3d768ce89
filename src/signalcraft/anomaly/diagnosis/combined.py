"""The whole diagnosis: physics first, people's labels as far as they have proved themselves."""

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike

from signalcraft.anomaly.diagnosis import learned_v1, physics_v1
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, UNKNOWN
from signalcraft.anomaly.diagnosis.findings import Diagnosis, Finding, ranked
from signalcraft.anomaly.diagnosis.indicators import NamedValue, Usual, measure, measure_surroundings
from signalcraft.anomaly.diagnosis.learned_v1 import Head
from signalcraft.anomaly.surroundings import Surroundings

UNHEARD = ("short_cycling",)
UNHEARD_FROM = 0.8
_Z95 = 1.96


def diagnose(
    x: ArrayLike,
    usual: Usual,
    names: Sequence[NamedValue],
    surroundings: Surroundings | None = None,
    *,
    usual_surroundings: Sequence[Surroundings] = (),
    head: Head | None = None,
) -> Diagnosis:
    """What is wrong in a clip that is not normal.

    x: feature vector (p,) that `names` describes. usual: the machine's baseline in the same run state (its
    `centre` and `scale`). usual_surroundings: those of healthy clips. head: learned on the deviations that
    `measure` gives for labelled clips.

    With a head, the probabilities are mixed: weight * head + (1 - weight) * physics, where the weight is what
    the head has proved on machines it had not seen (`trust`) times how much this clip resembles the labelled
    ones. Conditions that nobody labelled stay the physics' own.
    """
    indicators = measure(x, usual, names, surroundings, usual_surroundings)
    by_physics = physics_v1.diagnose(indicators)
    if head is None:
        return by_physics
    weight = trust(head) * head.familiarity(indicators.deviations)
    by_label = head.probabilities(indicators.deviations)
    evidence = {finding.condition: finding.evidence for finding in by_physics.findings}
    share = {name: (1 - weight) * by_physics.probability(name) for name in evidence}
    for label, probability in by_label.items():
        name = label if label in CONDITIONS else UNKNOWN
        share[name] = share.get(name, 0.0) + weight * probability
    least = physics_v1.LEAST_PROBABILITY
    dropped = sum(p for name, p in share.items() if p < least and name != UNKNOWN)
    share = {name: p for name, p in share.items() if p >= least or name == UNKNOWN}
    share[UNKNOWN] += dropped
    findings = [Finding(name, p, evidence.get(name, ())) for name, p in share.items()]
    return ranked(f"{physics_v1.NAME}+{learned_v1.NAME}", findings)


def diagnose_unheard(
    surroundings: Surroundings, usual_surroundings: Sequence[Surroundings]
) -> Diagnosis | None:
    """What the sensors say of a clip that sounds as usual: a machine that starts too often sounds well each
    time.

    Only conditions that cannot be heard are told here, and only if they are far more probable than not; else
    None. A single moment proves little: whoever raises an alarm on this must see it last.
    """
    indicators = measure_surroundings(surroundings, usual_surroundings)
    told = physics_v1.diagnose(indicators)
    sure = told.condition in UNHEARD and told.best.probability >= UNHEARD_FROM
    return told if sure else None


def trust(head: Head) -> float:
    """0 to 1: how far the head's cross-validated accuracy is above chance, with 95 % confidence (Wilson);
    half of that where the cross-validation could not keep machines apart."""
    figures = head.figures
    n, p, chance = figures.n_examples, figures.balanced_accuracy, 1 / len(head.classes)
    z2 = _Z95**2
    low = (p + z2 / (2 * n) - _Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    proved = max(0.0, (low - chance) / (1 - chance))
    return proved if figures.grouped_by_machine else proved / 2
