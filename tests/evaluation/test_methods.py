"""The methods that are compared, on data whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from signalcraft.anomaly import CURRENT
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.evaluation import autoencoder
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.methods import Engine, Method, cross_validated_scores, references
from signalcraft.evaluation.references import Mahalanobis, NearestNeighbour, pooled
from signalcraft.evaluation.trials import NORMAL, Sample

SCALE = np.array([1.0, 5.0, 0.2, 2.0, 1.0, 3.0])


def vectors(n: int, *, seed: int, shift: float = 0.0) -> list[Sample]:
    """Two causes behind six values: a shift of one value against the others breaks their relation."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((2, 6))
    x = (rng.standard_normal((n, 2)) @ mixing + 0.1 * rng.standard_normal((n, 6))) * SCALE
    x[:, 0] += shift
    return [Sample(str(i), str(i), NORMAL, row) for i, row in enumerate(x)]


def clips(n: int, *, seed: int, louder_db: float = 0.0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        mel = (-50 + 2 * rng.standard_normal((40, 128))).astype(np.float32)
        mel[:, 60:64] += np.float32(louder_db)
        made.append(Sample(str(i), str(i), NORMAL, mel.mean(axis=0, dtype=np.float64), mel))
    return made


@pytest.mark.parametrize("method", [Engine(CURRENT), *references()], ids=lambda method: method.name)
def test_each_scores_a_broken_relation_above_healthy_vectors(method: Method) -> None:
    method.fit(vectors(200, seed=0))
    healthy = [method.score(sample) for sample in vectors(50, seed=1)]
    changed = [method.score(sample) for sample in vectors(50, seed=2, shift=6.0)]
    assert np.median(changed) > np.quantile(healthy, 0.95)


@pytest.mark.parametrize("method", [Engine(CURRENT), *references()], ids=lambda method: method.name)
def test_each_scores_a_louder_band_above_healthy_clips(method: Method) -> None:
    method.fit(clips(30, seed=0))
    healthy = [method.score(sample) for sample in clips(20, seed=1)]
    changed = [method.score(sample) for sample in clips(20, seed=2, louder_db=10.0)]
    assert min(changed) > max(healthy)


@pytest.mark.parametrize("method", [Engine(CURRENT), *references()], ids=lambda method: method.name)
def test_a_second_run_is_the_same(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "MAX_STEPS", 30)  # of training: more would only take longer
    monkeypatch.setattr(autoencoder, "MIN_STEPS", 30)
    scores = []
    for _ in range(2):
        method.fit(clips(20, seed=0))
        scores.append([method.score(sample) for sample in clips(5, seed=1)])
    assert scores[0] == scores[1]


def test_mahalanobis_distance_of_known_data() -> None:
    # The squared distances of the clips learned from have the mean tr(S^-1 S) = p, here 6, of any
    # covariance S that is not shrunk; that of independent values of any scales is shrunk towards itself.
    x = np.random.default_rng(0).standard_normal((5000, 6)) * SCALE
    healthy = [Sample(str(i), str(i), NORMAL, row) for i, row in enumerate(x)]
    method = Mahalanobis()
    method.fit(healthy)
    assert np.mean([method.score(sample) for sample in healthy]) == pytest.approx(6.0, rel=0.002)


def test_the_nearest_neighbour_of_a_training_clip_is_itself() -> None:
    healthy = vectors(40, seed=0)
    method = NearestNeighbour()
    method.fit(healthy)
    assert method.score(healthy[7]) == 0.0


def test_pooling_takes_mean_and_deviation_over_time() -> None:
    mel = np.array([[1.0, 10.0], [3.0, 10.0]], np.float32)
    assert pooled(Sample("", "", NORMAL, np.zeros(1), mel)).tolist() == [2.0, 10.0, 1.0, 0.0]


def test_cross_validated_scores_are_of_clips_not_learned() -> None:
    # A neighbour at distance 0 would show that a clip was compared with itself.
    scores = cross_validated_scores(NearestNeighbour(), vectors(40, seed=0))
    assert len(scores) == 40
    assert scores.min() > 0
    assert (np.diff(scores) >= 0).all()


def test_the_engine_tells_its_limit_in_the_terms_of_the_rule() -> None:
    engine = Engine(CURRENT)
    engine.fit(vectors(100, seed=0))
    sample = vectors(1, seed=5, shift=40.0)[0]
    assert engine.assess(sample).ratio == pytest.approx(engine.score(sample) / engine.limit)
    assert engine.assess(sample).grave
    assert len(engine.healthy_scores) >= 90


def test_what_the_sensors_alone_tell_is_over_the_limit() -> None:
    def told(starts: float, n: int, seed: int) -> list[Sample]:
        sensors = Surroundings(power_percent=60.0, starts_per_hour=starts, run_s=1800 / starts, duty=0.5)
        return [replace(sample, surroundings=sensors) for sample in vectors(n, seed=seed)]

    engine = Engine(CURRENT)
    engine.fit(told(2.0, 60, 0))
    usual, often = told(2.0, 1, 1)[0], told(15.0, 1, 1)[0]
    assert engine.score(usual) < engine.limit < engine.score(often)
    assert not engine.assess(often).anomalous
    assert engine.score(replace(often, surroundings=None)) == engine.score(usual)


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no such detector"):
        Engine("imagined")
