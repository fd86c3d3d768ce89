import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from signalcraft.anomaly import BaselineError, mahalanobis_v1, sentences
from signalcraft.anomaly.explanation import explain
from signalcraft.anomaly.mahalanobis_v1 import Baseline, assess, fit, score
from signalcraft.dsp.features import v1


def healthy(n: int = 60, *, seed: int = 0) -> NDArray[np.float64]:
    """Correlated features around plausible levels in dB."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 3)) @ np.random.default_rng(99).standard_normal((3, 64))
    return -50 + common + 0.5 * rng.standard_normal((n, 64))


def louder(x: NDArray[np.float64], db: float, bands: slice) -> NDArray[np.float64]:
    changed = x.copy()
    changed[bands] += db
    return changed


def test_new_healthy_clips_stay_under_the_limit_and_a_changed_band_does_not() -> None:
    baseline = fit(healthy())
    ratios = np.array([assess(baseline, x).ratio for x in healthy(1000, seed=1)])
    assert (ratios > 1).mean() < 0.02
    assert not any(assess(baseline, x).grave for x in healthy(1000, seed=1))
    assert all(assess(baseline, louder(x, 12, slice(20, 24))).grave for x in healthy(20, seed=2))


def test_scores_are_squared_distances() -> None:
    baseline = fit(healthy())
    step = np.linspace(-1, 1, 64)
    assert score(baseline, baseline.centre) == 0
    assert score(baseline, baseline.centre + 2 * step) == pytest.approx(
        4 * score(baseline, baseline.centre + step)
    )


def test_tail_probability_counts_the_healthy_clips_that_scored_as_high() -> None:
    baseline = fit(healthy())
    assert (baseline.n_clips, baseline.n_used) == (60, 57)
    assert assess(baseline, baseline.centre).tail_probability == 1.0
    anomalous = assess(baseline, baseline.centre + 20)
    assert anomalous.tail_probability == pytest.approx(1 / 58)
    assert (anomalous.verdict, anomalous.condition, anomalous.grave) == ("anomalous", "unknown_anomaly", True)


def test_shrunk_covariance_equals_the_published_definition() -> None:
    z = healthy(40)
    z = z - z.mean(axis=0)
    n, p = z.shape
    s = z.T @ z / n
    m = np.trace(s) / p
    d2 = np.sum((s - m * np.eye(p)) ** 2)
    b2 = min(d2, sum(np.sum((np.outer(row, row) - s) ** 2) for row in z) / n**2)
    expected = b2 / d2 * m * np.eye(p) + (1 - b2 / d2) * s
    shrunk = mahalanobis_v1._shrunk_covariance(z)
    np.testing.assert_allclose(shrunk, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(mahalanobis_v1._inverse(shrunk) @ shrunk, np.eye(p), atol=1e-9)


def test_three_alike_bad_clips_of_sixty_cannot_hide_each_other() -> None:
    x = healthy()
    fault = louder(x.mean(axis=0), 8, slice(16, 24))
    rng = np.random.default_rng(5)
    x[[5, 25, 50]] = fault + 0.3 * rng.standard_normal((3, 64))
    spoiled, clean = fit(x), fit(healthy())
    assert spoiled.limit < 1.5 * clean.limit
    assert assess(spoiled, fault).grave


def test_the_same_clips_give_the_same_bytes() -> None:
    stored = fit(healthy()).to_bytes()
    assert fit(healthy()).to_bytes() == stored
    read = Baseline.from_bytes(stored)
    assert read.to_bytes() == stored
    x = healthy(1, seed=3)[0]
    assert score(read, x) == score(fit(healthy()), x)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    program = (
        "import hashlib, numpy as np\n"
        "from signalcraft.anomaly.mahalanobis_v1 import fit\n"
        "from signalcraft.dsp.features.v1 import extract\n"
        "rng = np.random.default_rng(0)\n"
        "x = [extract(rng.standard_normal(160_000).astype(np.float32)) for _ in range(20)]\n"
        "print(hashlib.sha256(fit(x).to_bytes()).hexdigest())\n"
    )
    hashes = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0].strip()) == 64


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nonsense", fit(healthy()).to_bytes()[:2000]])
def test_bytes_that_are_no_baseline_are_refused(data: bytes) -> None:
    with pytest.raises(BaselineError):
        Baseline.from_bytes(data)


def test_what_cannot_be_learned_or_scored_is_a_named_error() -> None:
    for bad, match in (
        (healthy(19), "at least 20"),
        (np.full((60, 64), np.nan), "finite"),
        (np.repeat(healthy(1), 60, axis=0), "same recording"),
    ):
        with pytest.raises(BaselineError, match=match):
            fit(bad)
    baseline = fit(healthy())
    with pytest.raises(BaselineError, match="64 features"):
        score(baseline, np.zeros(3))
    with pytest.raises(BaselineError, match="finite"):
        score(baseline, np.full(64, np.inf))


def test_explanation_names_the_bands_that_changed() -> None:
    baseline = fit(healthy())
    changed = baseline.centre.copy()
    changed[20:24] += 9.0
    changed[32 + 5] -= 8.0
    explanation = explain(baseline, changed, v1.names())
    first, second = explanation.bands
    assert (first.kind, first.low_hz, first.high_hz) == (
        "level",
        v1.names()[20].low_hz,
        v1.names()[23].high_hz,
    )
    assert first.delta_db == pytest.approx(9.0)
    assert (second.kind, second.delta_db) == ("variation", pytest.approx(-8.0))
    assert "louder by 9 dB between 2.8 and 4.0 kHz" in explanation.summary["en"]
    assert "9 dB 커짐" in explanation.summary["ko"]
    assert "steadier" in explanation.summary["en"]


def test_a_normal_clip_has_nothing_to_explain() -> None:
    baseline = fit(healthy())
    explanation = explain(baseline, baseline.centre, v1.names())
    assert explanation.bands == ()
    assert explanation.summary == sentences.NORMAL


def test_a_changed_balance_without_a_striking_band_is_said_so() -> None:
    summary = sentences.anomalous([])
    assert "no single range stands out" in summary["en"]
    assert set(summary) == {"ko", "en"}
