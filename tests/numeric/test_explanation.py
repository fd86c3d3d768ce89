from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from signalcraft.anomaly import mahalanobis_v1, sentences
from signalcraft.anomaly.diagnosis.findings import Diagnosis, Finding, ranked
from signalcraft.anomaly.explanation import explain
from signalcraft.anomaly.moments import find_moments
from signalcraft.dsp.features import v1, v2
from signalcraft.dsp.spectra import N_MELS

NAMES = v2.names()
AT = {feature.name: i for i, feature in enumerate(NAMES)}
LEVEL = [i for i, feature in enumerate(NAMES) if feature.kind == "level"]
VARIATION = [i for i, feature in enumerate(NAMES) if feature.kind == "variation"]


@dataclass(frozen=True)
class Usual:
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    verdict: str = "anomalous"
    grave: bool = False


def usual() -> Usual:
    centre, scale = np.full(len(NAMES), -50.0), np.full(len(NAMES), 1.0)
    centre[VARIATION] = 2.0
    centre[AT["shaft_hz"]], centre[AT["mains_hz"]], centre[AT["fan_hz"]] = 58.2, 60.0, np.nan
    scale[AT["fan_hz"]] = np.nan
    return Usual(centre, scale)


def told(*findings: tuple[str, float]) -> Diagnosis:
    return ranked("physics-1", [Finding(name, share) for name, share in findings])


def test_bands_tones_and_moments_are_told_in_decibels_and_deviations() -> None:
    base = usual()
    x = base.centre.copy()
    x[LEVEL[40:44]] += 8.0
    x[VARIATION[10]] += 6.0
    x[AT["shaft_1_db"]] += 12.0
    x[AT["hum_2_db"]] -= 7.0
    x[AT["fan_db"]] += 20.0  # a fan that was never found before: nothing to compare with
    log_mel = np.full((312, N_MELS), -50.0, np.float32)
    log_mel[100:120, 64:] += 15.0
    explanation = explain(base, x, NAMES, assessment=Found(), log_mel=log_mel, duration_s=10.0)
    loud, unsteady = explanation.bands
    assert (loud.kind, loud.low_hz, loud.high_hz) == ("level", NAMES[40].low_hz, NAMES[43].high_hz)
    assert (loud.delta_db, loud.deviations) == (pytest.approx(8.0), pytest.approx(8.0))
    assert unsteady.kind == "variation"
    shaft, hum = explanation.lines
    assert (shaft.source, shaft.order, shaft.hz, shaft.delta_db) == ("shaft", 1.0, 58.2, pytest.approx(12.0))
    assert (hum.source, hum.hz, hum.delta_db) == ("hum", 120.0, pytest.approx(-7.0))
    (moment,) = explanation.moments
    assert moment.start_s == pytest.approx(100 * 10 / 312)
    assert moment.end_s == pytest.approx(120 * 10 / 312)
    assert moment.delta_db == pytest.approx(15.0)
    assert moment.deviations == pytest.approx(7.5)
    marks = explanation.marks()
    assert marks.bands[0] == (loud.low_hz, loud.high_hz)
    assert marks.lines == (58.2, 120.0)
    assert marks.moments == ((moment.start_s, moment.end_s),)
    assert set(explanation.as_json()) == {"bands", "lines", "moments", "advice"}


def test_values_not_measured_explain_nothing() -> None:
    x = np.full(len(NAMES), np.nan)
    explanation = explain(usual(), x, NAMES, assessment=Found())
    assert (explanation.bands, explanation.lines, explanation.moments) == ((), (), ())
    assert "no single range stands out" in explanation.summary["en"]


def test_moments_are_what_passes_not_what_lasts_nor_chance() -> None:
    rng = np.random.default_rng(0)
    quiet = (-50 + 2 * rng.standard_normal((312, N_MELS))).astype(np.float32)
    assert find_moments(quiet, usual().centre, NAMES) == ()
    assert find_moments(quiet + np.float32(20), usual().centre, NAMES) == ()  # the bands tell that
    knocks = quiet.copy()
    knocks[[50, 52, 150, 290]] += 25  # the first two are one
    found = find_moments(knocks, usual().centre, NAMES)
    assert [round(moment.start_s / 0.032) for moment in found] == [50, 150, 290]
    assert found[0].end_s == pytest.approx(53 * 0.032)
    assert find_moments(knocks, np.full(2, -50.0), []) == ()


def test_the_summary_is_as_sure_as_the_diagnosis() -> None:
    findings = [("level", 3500.0, 8000.0, 9.0)]
    sure = sentences.summary(findings, told(("bearing_wear", 0.82), ("unknown_anomaly", 0.18)))
    assert sure["ko"].startswith("베어링이 닳는 소리로 들립니다(가능성 80 %).")
    assert sure["en"].startswith("It sounds like a bearing wearing out (80 % likely).")
    assert "9 dB" in sure["ko"]
    assert "9 dB" in sure["en"]
    possible = sentences.summary(
        findings, told(("valve_leak", 0.4), ("friction", 0.3), ("unknown_anomaly", 0.3))
    )
    assert "압축기 밸브 누설(40 %) 또는 마찰(30 %)일 수 있습니다" in possible["ko"]
    assert "높은 소리(3.5~8.0 kHz)가 9 dB 커짐" in possible["ko"]
    hum = sentences.anomalous([("level", 90.0, 150.0, -4.0)])
    assert "낮은 소리(90~150 Hz)가 4 dB 작아짐" in hum["ko"]
    assert "low sounds quieter by 4 dB between 90 and 150 Hz" in hum["en"]
    assert "Rubbing (30 %)" in possible["en"]
    assert "not certain" in possible["en"]
    unknown = sentences.summary(findings, told(("unknown_anomaly", 0.9), ("friction", 0.1)))
    assert "The cause is not known yet." in unknown["en"]
    assert "Rubbing" not in unknown["en"]
    certain = sentences.summary(findings, told(("imbalance", 1.0), ("unknown_anomaly", 0.0)))
    assert "95 %" in certain["en"]  # never certain


def test_advice_is_for_the_named_cause_only_and_urgent_if_grave() -> None:
    named = told(("fan_fault", 0.8), ("unknown_anomaly", 0.2))
    assert "fan" in sentences.advice(named, grave=False)["en"]
    grave = sentences.advice(named, grave=True)
    assert "now" in grave["en"]
    assert "fan" in grave["en"]
    doubtful = told(("fan_fault", 0.4), ("unknown_anomaly", 0.35), ("overload", 0.25))
    assert sentences.advice(doubtful, grave=False) == sentences.ANOMALOUS_ADVICE
    assert sentences.advice(None, grave=True) == sentences.GRAVE_ADVICE


def test_results_of_the_first_detector_are_still_explained() -> None:
    rng = np.random.default_rng(0)
    names = v1.names()
    baseline = mahalanobis_v1.fit(-50 + rng.standard_normal((60, len(names))))
    x = baseline.centre.copy()
    x[20:24] += 9.0
    explanation = explain(baseline, x, names)
    assert explanation.bands[0].delta_db == pytest.approx(9.0)
    assert explanation.lines == ()
    normal = explain(baseline, baseline.centre, names, diagnosis=told(("unknown_anomaly", 1.0)))
    assert normal.summary == sentences.NORMAL
    assert normal.bands == ()
