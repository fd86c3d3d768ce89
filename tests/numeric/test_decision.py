"""The rule over time: its table, what it rests on, and the false alarms it states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.anomaly.decision import (
    WINDOW,
    Assessed,
    Decision,
    decide,
    false_alarms_per_month,
)

N, A, G = Assessed(0.5, False), Assessed(1.5, False), Assessed(4.5, True)
HOLD, CLEAR = Decision("hold"), Decision("clear")
HIGH, CRITICAL = Decision("raise", "high"), Decision("raise", "critical")


@pytest.mark.parametrize(
    ("history", "decision"),
    [
        ([], HOLD),
        ([N], HOLD),
        ([N, N, N], CLEAR),
        ([A, A, A], HOLD),
        ([A, A, A, A], HIGH),
        ([A, N, A, N, A, A], HIGH),
        ([A, A, A, N, N, N, A], HOLD),  # the first is out of the window
        ([A, A, A, A, N], HOLD),  # nothing new speaks for an alarm, not enough against
        ([A, A, A, A, N, N], HOLD),
        ([A, A, A, A, N, N, N], CLEAR),
        ([G], CRITICAL),
        ([N, N, N, G], CRITICAL),
        ([G, N], HOLD),
        ([G, A, A, A], HIGH),
    ],
)
def test_decision(history: list[Assessed], decision: Decision) -> None:
    assert decide(history) == decision


@given(st.lists(st.sampled_from([N, A, G]), max_size=14))
def test_decision_rests_on_the_last_six_only(history: list[Assessed]) -> None:
    assert decide(history) == decide(history[-WINDOW:])


@pytest.mark.parametrize("over_limit", [0.05, 0.1])
def test_false_alarms_are_as_rare_as_stated(over_limit: float) -> None:
    # 40 years of clips; an alarm that stands until three normal clips counts once.
    clips = 1_000_000
    over = np.random.default_rng(7).random(clips) < over_limit
    # Only where at least four of six are over can the rule raise: all others are skipped.
    recent = np.convolve(over, np.ones(WINDOW, int))[:clips] >= 4
    alarms, standing_until = 0, -1
    for i in np.flatnonzero(recent & over).tolist():
        history = [A if one else N for one in over[max(i - WINDOW + 1, 0) : i + 1]]
        assert decide(history) == HIGH
        if i > standing_until:
            alarms += 1
            standing_until = i + WINDOW
    months = clips / 8640
    assert 0 < alarms / months <= 1.1 * false_alarms_per_month(over_limit)


def test_the_stated_rate_is_what_the_documents_say() -> None:
    assert false_alarms_per_month(0.02) == pytest.approx(1 / 72, rel=0.01)
    assert false_alarms_per_month(0.05) == pytest.approx(0.54, rel=0.01)
