"""Figures against values worked out by hand."""

import numpy as np
import pytest

from signalcraft.evaluation.metrics import (
    Scored,
    auc,
    counted_false_alarm_share,
    false_alarm_share,
    figures,
    partial_auc,
    roc,
)


def test_auc_counts_the_pairs_in_the_right_order() -> None:
    # Of 3 x 2 pairs: 4 beats 1, 2, 3 (three); 2.5 beats 1, 2 (two): five of six.
    assert auc([1.0, 2.0, 3.0], [4.0, 2.5]) == pytest.approx(5 / 6)


def test_ties_count_half() -> None:
    # 1 against 1 and 2: one half, none; 2 against 1 and 2: one, one half: two of four.
    assert auc([1.0, 2.0], [1.0, 2.0]) == pytest.approx(0.5)
    assert auc([5.0, 5.0], [5.0]) == pytest.approx(0.5)


def test_the_curve_passes_a_tie_along_its_diagonal() -> None:
    fpr, tpr = roc([0.0, 1.0], [1.0, 2.0])
    assert fpr.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert tpr.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_partial_auc_of_perfect_and_useless_scores() -> None:
    assert partial_auc(np.arange(10.0), np.arange(20.0, 30.0)) == pytest.approx(1.0)
    assert partial_auc([1.0, 1.0], [1.0, 1.0]) == pytest.approx(0.5)  # the diagonal: chance


def test_partial_auc_is_cut_between_two_points_of_the_curve() -> None:
    # Five normals: the curve is at (0, 1/2) after the first anomaly, goes flat to (0.2, 1/2), so up to 0.1 it
    # holds 0.05. Standardised: (1 + (0.05 - 0.005) / (0.1 - 0.005)) / 2.
    value = partial_auc([0.0, 1.0, 2.0, 3.0, 8.0], [9.0, 7.0])
    assert value == pytest.approx((1 + 0.045 / 0.095) / 2)


def test_partial_auc_may_be_below_one_half() -> None:
    # All of the first tenth is healthy: (1 + (0 - 0.005) / 0.095) / 2.
    assert partial_auc([5.0, *range(4)], [4.0]) == pytest.approx((1 - 0.005 / 0.095) / 2)


def test_figures_are_means_over_trials() -> None:
    good = scored([0.0, 1.0], [2.0, 3.0])
    bad = scored([2.0, 3.0], [0.0, 1.0])
    assert figures([good, bad], resamples=50).auc == pytest.approx(0.5)


def test_the_interval_is_as_wide_as_theory_has_it() -> None:
    # Hanley and McNeil 1982, formula (2), for 100 healthy and 100 anomalous clips with AUC A:
    # var = (A(1-A) + 99 (A/(2-A) - A^2) + 99 (2A^2/(1+A) - A^2)) / 100^2. It assumes exponential scores.
    rng = np.random.default_rng(3)
    trial = scored(rng.exponential(1.0, 100), rng.exponential(3.0, 100))
    result = figures([trial], resamples=2000)
    a = result.auc
    variance = (a * (1 - a) + 99 * (a / (2 - a) - a**2) + 99 * (2 * a**2 / (1 + a) - a**2)) / 100**2
    low, high = result.auc_interval
    assert low < a < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)


def test_mixes_of_one_recording_tell_no_more_than_the_recording() -> None:
    rng = np.random.default_rng(4)
    normal, anomalous = rng.normal(0, 1, 20), rng.normal(1, 1, 20)
    once = figures([scored(normal, anomalous)])
    names = tuple(str(i) for i in range(20))
    tenfold = figures(
        [Scored(np.repeat(normal, 10), np.repeat(anomalous, 10), _tenfold(names), _tenfold(names))]
    )
    assert tenfold.auc == pytest.approx(once.auc)
    assert tenfold.auc_interval == pytest.approx(once.auc_interval)


def test_false_alarms_are_counted_above_the_quantile() -> None:
    # The 99 % quantile of 0..100 is 99 exactly; 99 itself is not above it.
    assert counted_false_alarm_share(np.arange(101.0), [98.0, 99.0, 99.5, 100.0]) == pytest.approx(0.5)


def test_the_limit_of_one_in_a_hundred_is_kept_for_clips_to_come() -> None:
    # Of 99 scores only the highest can be it: one place in a hundred lies above.
    assert false_alarm_share(np.arange(99.0), [97.5, 98.0, 98.5, 99.0]) == pytest.approx(0.5)
    # Of an exponential distribution the 99 % quantile is ln 100 = 4.6; 20 scores seldom reach it: there the
    # limit comes from the fitted tail, and not from the highest of them.
    rng = np.random.default_rng(0)
    normal = rng.exponential(size=2000)
    kept = [false_alarm_share(rng.exponential(size=20), normal) for _ in range(100)]
    counted = [counted_false_alarm_share(rng.exponential(size=20), normal) for _ in range(100)]
    assert 0.005 < np.mean(kept) < 0.025 < np.mean(counted)


def scored(normal: object, anomalous: object) -> Scored:
    n, a = np.asarray(normal, np.float64), np.asarray(anomalous, np.float64)
    return Scored(n, a, tuple(str(i) for i in range(n.size)), tuple(str(i) for i in range(a.size)))


def _tenfold(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names for _ in range(10))
