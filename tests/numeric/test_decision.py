"""The rule over time: its table, what it rests on, and the false alarms it states."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.anomaly.decision import (
    ALLOWANCE,
    CAP,
    ENOUGH,
    FASTEST,
    WINDOW,
    Assessed,
    added_up,
    believed,
    decide,
    false_alarms_per_month,
)

RIGHT = math.log10(math.e)


def clip(surprise: float) -> Assessed:
    return Assessed(surprise / 3, False, 10**-surprise)


# Usual, unusual (one in 50), anomalous, grave; and an anomalous one of a detector that counts sixty clips.
N, U, A, G, C = clip(0.3), clip(1.7), clip(3.5), Assessed(2.5, True, 1e-8), Assessed(1.5, False, 1 / 61)


@pytest.mark.parametrize(
    ("history", "action", "severity"),
    [
        ([], "hold", None),
        ([N], "hold", None),
        ([N, N, N], "clear", None),
        ([A, A, A], "hold", None),
        ([A, A, A, A], "raise", "high"),
        ([C, C, C, C], "raise", "high"),
        ([N, N, N, A] * 8, "hold", None),  # every fourth one: noise of the day
        ([A, A, N, A, A, A], "raise", "high"),
        ([U] * 9, "hold", None),
        ([U] * 10, "raise", "high"),
        ([A, A, A, A, N], "hold", None),  # nothing new speaks for an alarm, not enough against
        ([A, A, A, A] + [N] * 9, "hold", None),
        ([A, A, A, A] + [N] * 10, "clear", None),
        ([A] * 40 + [N] * 10, "clear", None),  # a long fault takes no longer to forget
        ([A, A, A, A] + [N] * 9 + [U, N, N], "hold", None),
        ([G], "hold", None),  # a delivery: over when the next clip comes
        ([N, N, N, G], "hold", None),
        ([U, G], "hold", None),
        ([N, G, A], "raise", "critical"),
        ([N, A, G], "raise", "critical"),
        ([G, G], "raise", "critical"),
        ([G, N, G, N, G], "hold", None),
        ([G, N], "hold", None),
        ([G, N, N], "hold", None),
        ([G, N, N, N], "clear", None),
    ],
)
def test_decision(history: list[Assessed], action: str, severity: str | None) -> None:
    decided = decide(history)
    assert (decided.action, decided.severity) == (action, severity)
    assert decided.sum == added_up(history)


@given(st.lists(st.sampled_from([N, U, A, G, C]), max_size=2 * WINDOW))
def test_decision_rests_on_its_window_only(history: list[Assessed]) -> None:
    assert decide(history) == decide(history[-WINDOW:])


@given(st.floats(0, 1), st.floats(0, 5))
def test_a_surprise_is_within_its_bounds(probability: float, ratio: float) -> None:
    assert 0 <= Assessed(ratio, False, probability).surprise <= CAP


def test_the_fastest_alarm_takes_as_many_clips_as_stated() -> None:
    assert (FASTEST - 1) * (CAP - ALLOWANCE) < ENOUGH <= FASTEST * (CAP - ALLOWANCE)


@pytest.mark.parametrize("mean", [0.6, 0.7])
def test_false_alarms_are_as_rare_as_stated(mean: float) -> None:
    """Ten years of clips; an alarm that stands until the sum is nothing counts once. Where probabilities are
    off, or a million clips would hold none."""
    clips = 1_000_000
    surprises = np.minimum(np.random.default_rng(7).exponential(mean, clips), CAP)
    alarms, total, is_open = 0, 0.0, False
    for added in (surprises - ALLOWANCE).tolist():
        total = min(max(total + added, 0.0), ENOUGH)
        alarms += total >= ENOUGH and not is_open
        is_open = total > 0 and (is_open or total >= ENOUGH)
    months = clips / 8640
    assert 0 < alarms / months <= false_alarms_per_month(mean)


def test_a_million_healthy_clips_raise_nothing() -> None:
    surprises = np.minimum(np.random.default_rng(3).exponential(RIGHT, 1_000_000), CAP)
    # How far the walk has risen above its lowest place: the sum without a ceiling.
    walk = np.cumsum(surprises - ALLOWANCE)
    assert (walk - np.minimum.accumulate(np.minimum(walk, 0))).max() < ENOUGH


def test_the_stated_rate_is_what_the_documents_say() -> None:
    assert false_alarms_per_month(RIGHT) == pytest.approx(1 / 2400, rel=0.03)
    assert false_alarms_per_month(0.5) == pytest.approx(1 / 82, rel=0.03)
    assert false_alarms_per_month(0.6) == pytest.approx(1 / 1.7, rel=0.03)


def test_a_young_baseline_is_believed_only_what_counting_shows() -> None:
    assert believed(0.002, 0.12, clips=60) == 0.12
    assert believed(0.3, 0.12, clips=60) == 0.3
    assert believed(0.002, 0.12, clips=240) == 0.002
    assert believed(0.002, None, clips=60) == 0.002
    # Sixty clips that say nothing against the machine add up to nothing, however rare the tail says they are.
    assert added_up([Assessed(0.9, False, believed(0.002, 0.12, clips=60))] * WINDOW) == 0
