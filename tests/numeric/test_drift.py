"""What may be learned: a growing fault never is, healthy drift is followed."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from signalcraft.anomaly import decision, drift, operation
from signalcraft.anomaly.decision import ENOUGH, Assessed

CLIP_S = 600.0
DAY_S = 86_400.0


@dataclass
class Heard:
    at: float
    value: float
    learnable: bool


def follow(values: NDArray[np.float64]) -> tuple[float | None, list[float]]:
    """A machine whose one feature is that, by the rules here: when the first alarm opened (days), and the
    centre of its baseline, day by day."""
    heard: list[Heard] = []
    assessed: list[Assessed] = []
    centre, spread, centres = 0.0, 1.0, []
    for number, value in enumerate(values.tolist()):
        at = number * CLIP_S
        # The surprise of a Gaussian's absolute value, about.
        assessed.append(Assessed(0.0, False, 10 ** -min(0.3 * ((value - centre) / spread) ** 2, 6)))
        decided = decision.decide(assessed)
        heard.append(Heard(at, value, drift.may_learn(assessed[-1], decided.sum)))
        if decided.action == "raise":
            return at / DAY_S, centres
        if number % round(DAY_S / CLIP_S) == 0:
            end = at - drift.SETTLING.total_seconds()
            settled = [
                one.value
                for one in heard
                if one.learnable and end - drift.SPAN.total_seconds() <= one.at <= end
            ]
            if len(settled) >= 60 and not drift.is_wary(decided.sum):
                chosen = [settled[place] for place in drift.spread(len(settled), 240)]
                centre, spread = float(np.mean(chosen)), float(np.std(chosen))
            centres.append(centre)
    return None, centres


@pytest.mark.parametrize("days", [1, 3, 7])
def test_a_fault_that_grows_over_days_is_found(days: int) -> None:
    clips = round(25 * DAY_S / CLIP_S)
    begin = round(15 * DAY_S / CLIP_S)
    fault = np.clip((np.arange(clips) - begin) * CLIP_S / DAY_S / days, 0, 1) * 6
    found, _ = follow(np.random.default_rng(1).normal(0, 1, clips) + fault)
    assert found is not None
    assert 15 < found < 15 + 0.8 * days + 0.2, "before it is grave"


def test_a_season_is_followed_without_an_alarm() -> None:
    clips = round(60 * DAY_S / CLIP_S)
    season = 0.05 * np.arange(clips) * CLIP_S / DAY_S  # three deviations in two months
    found, centres = follow(np.random.default_rng(2).normal(0, 1, clips) + season)
    assert found is None
    assert centres[-1] > 2.0


def test_noise_that_comes_to_a_shop_is_learned() -> None:
    """A new neighbour, a deviation and a half off, for some hours of each day."""
    clips = round(40 * DAY_S / CLIP_S)
    by_day = np.arange(clips) * CLIP_S % DAY_S > 0.6 * DAY_S
    noise = 1.0 * (by_day & (np.arange(clips) * CLIP_S > 15 * DAY_S))
    found, centres = follow(np.random.default_rng(3).normal(0, 1, clips) + noise)
    assert found is None
    assert centres[-1] > 0.25


def test_what_is_unusual_or_follows_it_is_not_learned() -> None:
    assert drift.may_learn(Assessed(0.4, False, 0.05), 0.0)
    assert not drift.may_learn(Assessed(0.8, False, 0.005), 0.0)
    assert not drift.may_learn(Assessed(0.1, False, 0.5), ENOUGH / 2)
    assert not drift.may_learn(Assessed(0.1, True, 0.5), 0.0)


@given(st.integers(0, 5000), st.integers(1, 300))
def test_clips_are_spread_evenly_up_to_the_newest(count: int, wanted: int) -> None:
    places = drift.spread(count, wanted)
    assert len(places) == min(count, wanted)
    assert sorted(set(places)) == places
    if count:
        assert places[-1] == count - 1
        gaps = np.diff([-1, *places])
        assert gaps.max() - gaps.min() <= 1


def states(*told: str, apart_s: float = 300.0) -> list[tuple[float, str]]:
    return [(place * apart_s, state) for place, state in enumerate(told)]


@pytest.mark.parametrize(
    ("told", "is_left_open"),
    [
        ([], False),
        (states(*["door_open"] * 4), False),
        (states(*["door_open"] * 5), True),
        (states("running", "running", *["door_open"] * 5), True),
        (states("door_open", "door_open", "off", "door_open", "door_open", "door_open", "door_open"), True),
        (states("door_open", "off", "door_open", "off", "door_open", "off", "door_open"), False),  # customers
        (states(*["door_open"] * 6, "running"), False),
        (states(*["defrost"] * 6), False),
        (states(*["door_open"] * 20, apart_s=10.0), False),  # a delivery, heard every ten seconds
        (states(*["door_open"] * 6, apart_s=900.0), False),  # too few clips to tell
    ],
)
def test_a_door_left_open(told: list[tuple[float, str]], is_left_open: bool) -> None:
    assert operation.is_left_open(told) is is_left_open


def test_a_door_is_closed_when_several_clips_say_so_and_graver_where_it_gets_warm() -> None:
    assert not operation.is_closed(states("door_open", "running", "running"))
    assert operation.is_closed(states("door_open", "running", "off", "running"))
    assert [operation.severity(slope) for slope in (None, -0.2, 0.01, 0.3)] == [
        "medium",
        "medium",
        "medium",
        "high",
    ]
