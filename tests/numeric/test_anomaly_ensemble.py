"""Detector `ensemble-2`: what it promises of healthy, changed and bad clips."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from signalcraft.anomaly import CURRENT, DETECTORS, BaselineError, learn
from signalcraft.anomaly.calibration import fit_tail
from signalcraft.anomaly.decision import Assessed, decide
from signalcraft.anomaly.ensemble_v2 import LIMIT, Baseline, assess, fit, score
from signalcraft.anomaly.scorers import mixture
from signalcraft.anomaly.scorers.linear import cholesky, inverses, shrunk_covariances
from signalcraft.anomaly.scorers.neighbours import whitening
from signalcraft.dsp import decode, prepare
from signalcraft.dsp.features import v2
from signalcraft.evaluation.metrics import auc

from .signals import evaluation_folder

Array = NDArray[np.float64]


class Named(NamedTuple):
    kind: str


# Floor, level and variation of 16 bands, and two tones that not every clip has.
NAMES = [Named(kind) for kind in ("floor", "level", "variation") for _ in range(16)] + 2 * [Named("line")]


def healthy(n: int = 60, *, seed: int = 0) -> Array:
    """Correlated bands in dB of a machine that is now alone and now, in one clip of three, in noise."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((3, 48))
    x = rng.standard_normal((n, 3)) @ mixing + 0.5 * rng.standard_normal((n, 48))
    x[:, :32] += -50 + np.where(rng.random(n) < 1 / 3, 10.0, 0.0)[:, None]
    tones = np.where(rng.random((n, 2)) < 0.3, np.nan, 60.0)
    return np.hstack([x, tones])


def changed(x: Array, db: float = 8.0) -> Array:
    """A band of floor and level louder."""
    y = x.copy()
    y[..., 5:9] += db
    y[..., 21:25] += db
    return y


def test_new_healthy_clips_stay_under_the_limit_and_changed_ones_do_not() -> None:
    baseline = fit(healthy(), NAMES)
    ratios = np.array([assess(baseline, x).ratio for x in healthy(300, seed=1)])
    assert (ratios > 1).mean() <= 0.02
    found = [assess(baseline, changed(x)) for x in healthy(20, seed=2)]
    assert all(one.verdict == "anomalous" and one.condition == "unknown_anomaly" for one in found)


def test_the_tail_probability_is_what_it_says() -> None:
    # Among clips of the same machine a share p scores at a probability below p, or fewer: fits without a
    # third of the clips take the others for somewhat stranger than the whole will.
    baseline = fit(healthy(200), NAMES)
    told = np.array([assess(baseline, x).tail_probability for x in healthy(1000, seed=3)])
    for p in (0.5, 0.2, 0.05):
        assert 0.2 * p <= (told <= p).mean() <= 1.3 * p
    assert (told <= 0.001).mean() <= 0.01


def test_score_is_the_surprise_and_grave_needs_the_quiet_moments() -> None:
    baseline = fit(healthy(), NAMES)
    x = healthy(1, seed=4)[0]
    broken, passing = x.copy(), x.copy()
    broken[:32] += np.tile(np.linspace(-60, 60, 16), 2)
    passing[16:48] += 100.0  # far louder on average, and the floor as ever
    one = assess(baseline, broken)
    assert one.tail_probability == pytest.approx(10**-one.score)
    assert one.ratio == one.score / LIMIT
    assert one.grave
    assert assess(baseline, passing).verdict == "anomalous"
    assert not assess(baseline, passing).grave


def gross(x: Array) -> Array:
    """Bands of floor and level far louder and far quieter."""
    y = x.copy()
    y[..., :32] += np.tile(np.linspace(-40, 40, 16), 2)
    return y


def test_one_strange_clip_of_sixty_does_not_blind() -> None:
    # Three clips with a strange tone use up what may be set aside, so the strangest by far stays.
    x = healthy()
    x[:, 48] = 60.0 + 0.1 * np.random.default_rng(1).standard_normal(60)
    x[[10, 30, 50], 48] = 160.0
    clean = fit(x, NAMES)
    x[20, :48] = gross(x[20])[:48] * 1.5
    spoilt = fit(x, NAMES)
    for one in gross(healthy(20, seed=7)):
        assert assess(clean, one).grave
        assert assess(spoilt, one).grave
    assert all(assess(spoilt, one).verdict == "anomalous" for one in changed(healthy(20, seed=2)))


def test_three_alike_bad_clips_of_sixty_do_little_harm() -> None:
    x = healthy()
    bad = changed(healthy(23, seed=5), 6.0)
    spoilt = x.copy()
    spoilt[[5, 25, 50]] = bad[:3]
    figures = []
    for learned in (x, spoilt):
        baseline = fit(learned, NAMES)
        figures.append(
            auc([score(baseline, one) for one in healthy(100, seed=6)], [score(baseline, b) for b in bad[3:]])
        )
    assert figures[0] - figures[1] < 0.03


def test_grave_bad_clips_are_set_aside_and_the_healthy_ones_kept() -> None:
    x = healthy()
    x[[5, 25, 50], :48] = changed(healthy(3, seed=5), 60.0)[:, :48]
    baseline = fit(x, NAMES)
    assert (baseline.n_clips, baseline.n_used) == (60, 57)
    assert not {5, 25, 50} & set(baseline.used.tolist())
    assert fit(healthy(), NAMES).n_used >= 57


def test_nearest_is_the_clip_itself_where_it_was_learned() -> None:
    x = healthy()
    x[7, :48] += 300.0  # set aside, so that places and clips differ from there on
    baseline = fit(x, NAMES)
    assert 7 not in baseline.used
    assert [baseline.nearest(x[i]) for i in baseline.used] == baseline.used.tolist()


def test_values_that_only_some_clips_have_are_told_and_may_be_missing() -> None:
    x = healthy()
    x[:, 48] += 0.3 * np.random.default_rng(1).standard_normal(60)
    x[:, 49] = np.nan
    baseline = fit(x, NAMES)
    assert baseline.centre[48] == pytest.approx(60.0, abs=0.3)
    assert np.isnan(baseline.centre[49])
    assert np.isnan(baseline.scale[49])
    # A value that no healthy clip had tells nothing; one that they had and that is far off tells much.
    usual = x[0].copy()
    usual[48:] = 60.0, 5.0
    missing, strange = usual.copy(), usual.copy()
    missing[48:] = np.nan
    strange[48] = 90.0
    assert score(baseline, usual) == pytest.approx(score(baseline, missing), abs=0.01)
    assert score(baseline, strange) > score(baseline, usual) + 1


def test_a_stored_baseline_judges_the_same() -> None:
    for names, width in ((NAMES, 50), (None, 48), (NAMES[16:48], 32)):
        baseline = fit(healthy(240)[:, :width], names)
        stored = baseline.to_bytes()
        assert len(stored) < 300_000
        assert fit(healthy(240)[:, :width], names).to_bytes() == stored
        read = Baseline.from_bytes(stored)
        assert read.to_bytes() == stored
        x = healthy(1, seed=3)[0, :width]
        assert assess(read, x) == assess(baseline, x)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nonsense", fit(healthy(), NAMES).to_bytes()[:5000]])
def test_bytes_that_are_no_baseline_are_refused(data: bytes) -> None:
    with pytest.raises(BaselineError):
        Baseline.from_bytes(data)


def test_a_baseline_of_another_detector_is_refused() -> None:
    other = learn("mahalanobis-1", healthy()[:, :48]).to_bytes()
    with pytest.raises(BaselineError, match="mahalanobis-1"):
        Baseline.from_bytes(other)


def test_what_cannot_be_learned_or_scored_is_a_named_error() -> None:
    for bad, match in (
        (healthy(19), "at least 20"),
        (np.full((60, 50), np.nan), "finite"),
        (np.repeat(healthy(1), 60, axis=0), "same recording"),
        (healthy()[:, :49], "names"),
        (np.zeros(60), "at least 20"),
    ):
        with pytest.raises(BaselineError, match=match):
            fit(bad, NAMES)
    baseline = fit(healthy(), NAMES)
    with pytest.raises(BaselineError, match="50 features"):
        score(baseline, np.zeros(3))
    for value in (np.nan, np.inf):
        with pytest.raises(BaselineError, match="finite"):
            score(baseline, np.full(50, value))


@pytest.mark.parametrize("n", [20, 24, 39, 40, 61])
def test_few_clips_are_enough_and_say_how_little_they_know(n: int) -> None:
    x = healthy(n)
    baseline = fit(x, NAMES)
    assert len(baseline.healthy_scores) == baseline.n_used
    assert (np.diff(baseline.healthy_scores) >= 0).all()
    low, high = assess(baseline, changed(x[0], 40.0)).tail_interval
    assert low == 0.0
    assert 3 / n < high < 1


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    program = (
        "import hashlib, numpy as np\n"
        "from collections import namedtuple\n"
        "from signalcraft.anomaly.ensemble_v2 import fit, assess\n"
        "rng = np.random.default_rng(0)\n"
        "Named = namedtuple('Named', 'kind')\n"
        "names = [Named(k) for k in ('floor', 'level', 'variation') for _ in range(64)]\n"
        "b = fit(rng.standard_normal((120, 192)), names)\n"
        "told = [repr(assess(b, x)) for x in rng.standard_normal((5, 192))]\n"
        "print(hashlib.sha256(b.to_bytes() + ''.join(told).encode()).hexdigest())\n"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


def test_shrunk_covariance_inverse_and_factor_equal_their_definitions() -> None:
    z = healthy(40)[:, :20]
    z = z - z.mean(axis=0)
    n, p = z.shape
    s = z.T @ z / n
    m = np.trace(s) / p
    d2 = np.sum((s - m * np.eye(p)) ** 2)
    b2 = min(d2, sum(np.sum((np.outer(row, row) - s) ** 2) for row in z) / n**2)
    expected = b2 / d2 * m * np.eye(p) + (1 - b2 / d2) * s
    (shrunk,) = shrunk_covariances(z.T[None], least_variance=0.0)
    np.testing.assert_allclose(shrunk, expected, rtol=1e-9)
    inverse, log_determinant = inverses(shrunk[None])
    np.testing.assert_allclose(inverse[0] @ shrunk, np.eye(p), atol=1e-9)
    assert log_determinant[0] == pytest.approx(np.linalg.slogdet(shrunk)[1])
    factor = cholesky(shrunk)
    np.testing.assert_allclose(factor @ factor.T, shrunk, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=20, max_size=120),
    st.integers(0, 6),
    st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=2, unique=True),
)
def test_a_higher_score_is_never_more_usual(scores: list[float], aside: int, pair: list[float]) -> None:
    tail = fit_tail(scores, set_aside=aside)
    low, high = sorted(pair)
    assert tail.surprises(low) <= tail.surprises(high)
    for value in pair:
        least, most = tail.interval(value)
        assert 0 <= least <= most <= 1
        assert np.isfinite(tail.surprises(value))


def test_how_high_the_rarest_are_does_not_shape_a_censored_tail() -> None:
    scores = np.random.default_rng(0).exponential(size=60)
    strange = scores.copy()
    strange[np.argsort(scores)[-3:]] *= 100.0
    at = np.linspace(0, 20, 50)
    plain, robust = fit_tail(scores, may_be_bad=0.05), fit_tail(strange, may_be_bad=0.05)
    np.testing.assert_array_equal(robust.surprises(at), plain.surprises(at))
    assert fit_tail(strange).surprises(20.0) < robust.surprises(20.0) - 1


def test_so_few_clips_as_may_be_bad_make_no_component() -> None:
    z = np.random.default_rng(0).standard_normal((60, 8))
    z[:3] += 30.0
    found = mixture.fit(z, (2, 3), iterations=5, least_variance=0.01)
    assert mixture.scores(found, z[:3]).min() > 3 * mixture.scores(found, z[3:]).max()


def test_bad_clips_cannot_make_their_own_direction_a_usual_one() -> None:
    z = np.random.default_rng(0).standard_normal((60, 8))
    usual = np.square(whitening(z)).sum()
    z[:3, 0] += 1000.0
    assert 0.5 < np.square(whitening(z)).sum() / usual < 2


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    truth, held = 0.1, 0
    at = float(-np.log(truth))  # of an exponential distribution
    for _ in range(300):
        low, high = fit_tail(rng.exponential(size=60)).interval(at)
        held += low <= truth <= high
    assert held / 300 >= 0.93


def test_neighbouring_clips_that_are_alike_count_for_fewer() -> None:
    rng = np.random.default_rng(0)
    alone = fit_tail(rng.exponential(size=60))
    repeated = fit_tail(np.repeat(rng.exponential(size=12), 5))
    assert alone.independent > 40
    assert repeated.independent < 20


def test_a_real_fan_raises_no_alarm_while_healthy_and_is_stranger_when_not() -> None:
    folder = evaluation_folder("dcase2020-fan-id00")

    def features(path: str) -> NDArray[np.float32]:
        return v2.extract(prepare(decode((folder / path).read_bytes(), max_duration_s=60)).samples)

    clips = [features(path.name) for path in sorted(folder.glob("normal_*.wav"))]
    detector = DETECTORS[CURRENT]
    baseline = learn(CURRENT, clips[:60], v2.names())
    later = [detector.assess(baseline, clip) for clip in clips[60:]]
    history = [Assessed(a.ratio, a.grave, a.tail_probability) for a in later]
    assert len(history) == 15
    assert not [i for i in range(15) if decide(history[: i + 1]).action == "raise"]
    # Its floor is as ever: it comes and goes, as a passing noise does, so it is not grave by itself.
    anomaly = detector.assess(baseline, features("anomaly_id_00_00000000.wav"))
    assert anomaly.score > max(a.score for a in later)
