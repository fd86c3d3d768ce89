import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from signalcraft.anomaly import BaselineError
from signalcraft.anomaly.diagnosis import (
    CONDITIONS,
    FAULTS,
    UNKNOWN,
    Head,
    diagnose,
    diagnose_unheard,
    fit_head,
    measure,
)
from signalcraft.anomaly.diagnosis.combined import trust
from signalcraft.anomaly.diagnosis.indicators import INDICATORS, PLACE, Indicators
from signalcraft.anomaly.diagnosis.physics_v1 import SIGNATURES
from signalcraft.anomaly.diagnosis.physics_v1 import diagnose as by_physics
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp.features import v1, v2

NAMES = v2.names()
AT = {feature.name: i for i, feature in enumerate(NAMES)}
FREQUENCIES = {"mains_hz": 60.0, "shaft_hz": 58.2, "slip_hz": 3.6, "fan_hz": 25.0}


@dataclass(frozen=True)
class Usual:
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]


def usual() -> Usual:
    centre, scale = np.full(len(NAMES), -50.0), np.full(len(NAMES), 1.0)
    for name, hz in FREQUENCIES.items():
        centre[AT[name]], scale[AT[name]] = hz, 0.05
    return Usual(centre, scale)


def changed(**by: float) -> NDArray[np.float64]:
    """The usual clip with some values changed by so much."""
    x = usual().centre.copy()
    for name, change in by.items():
        x[AT[name]] += change
    return x


def louder(
    kind: str, low_hz: float, high_hz: float, db: float, x: NDArray[np.float64]
) -> NDArray[np.float64]:
    for i, feature in enumerate(NAMES):
        if feature.kind == kind and low_hz <= feature.low_hz < high_hz:
            x[i] += db
    return x


def deviating(**by: float) -> Indicators:
    deviations = np.zeros(len(INDICATORS))
    for name, value in by.items():
        deviations[PLACE[name]] = value
    return Indicators(deviations, deviations)


def test_every_fault_has_words_and_a_signature_of_known_indicators() -> None:
    assert set(SIGNATURES) == set(FAULTS) == set(CONDITIONS) - {UNKNOWN}
    for signature in SIGNATURES.values():
        assert set(signature) <= set(PLACE)
    for condition in CONDITIONS.values():
        for text in (condition.title, condition.heard, condition.first):
            assert set(text) == {"ko", "en"}
            assert all(text.values())


def test_the_textbook_case_of_each_fault_is_named() -> None:
    for fault, signature in SIGNATURES.items():
        known = {name: 2 * np.sinh(size) for name, size in signature.items() if np.isfinite(size)}
        told = by_physics(deviating(**known))
        assert told.condition == fault
        assert told.best.probability > 0.7
        assert sum(finding.probability for finding in told.findings) == pytest.approx(1.0)


def test_what_a_mechanic_would_say_comes_from_feature_values() -> None:
    cases = {
        "imbalance": (changed(shaft_1_db=18, shaft_1_prominence_db=15), Surroundings(vibration_g=0.8)),
        "overload": (
            changed(slip_hz=2.5, shaft_hz=-1.25, hum_2_db=4, hum_4_db=8, hum_6_db=8, hum_8_db=8),
            Surroundings(power_percent=80.0),
        ),
        "short_cycling": (changed(), Surroundings(starts_per_hour=16.0, run_s=100.0)),
        "fan_fault": (
            changed(fan_hz=-4.0, slip_hz=0.6),
            Surroundings(power_percent=56.0, temperature_c=-18.0),
        ),
    }
    past = [Surroundings(50.0 + i % 3, -20.0, 0.0, 0.12, 3.0, 600.0 + i % 5, 0.5) for i in range(20)]
    for fault, (x, around) in cases.items():
        told = diagnose(x, usual(), NAMES, around, usual_surroundings=past)
        assert told.condition == fault, told
        assert any(evidence.weight > 1 for evidence in told.best.evidence)


def test_a_machine_that_starts_too_often_sounds_well_and_is_told_by_its_sensors() -> None:
    rng = np.random.default_rng(0)

    def healthy() -> Surroundings:
        starts = 3.0 * 2 ** (0.2 * rng.standard_normal())
        return Surroundings(
            50 + rng.normal(), -20 + rng.normal(), 0.02 * rng.normal(), 0.12, starts, 1800 / starts, 0.5
        )

    past = [healthy() for _ in range(60)]
    told = diagnose_unheard(Surroundings(50.0, -19.0, 0.0, 0.12, 14.0, 110.0, 0.45), past)
    assert told is not None
    assert told.condition == "short_cycling"
    assert not [one for one in (healthy() for _ in range(300)) if diagnose_unheard(one, past)]
    assert diagnose_unheard(Surroundings(power_percent=90.0, temperature_c=-10.0), past) is None  # is heard
    assert diagnose_unheard(Surroundings(), past) is None


def test_a_bearing_is_told_from_a_valve_by_the_rhythm_of_its_impacts() -> None:
    x = changed(impact_kurtosis_high=6, impact_kurtosis_mid=3, hiss_dbfs=10, impact_prominence_high_db=75)
    x = louder("floor", 3500, 8000, 10, louder("floor", 1500, 3500, 4, x))
    x[AT["impact_rate_high_hz"]] = 3.2 * 58.2  # ball passes: out of step with the shaft
    assert diagnose(x, usual(), NAMES).condition == "bearing_wear"
    x[AT["impact_rate_high_hz"]] = 2 * 58.2
    told = diagnose(x, usual(), NAMES)
    assert told.probability("bearing_wear") < 0.5


def test_nothing_that_changed_is_no_evidence_of_anything() -> None:
    nothing = Usual(np.zeros(len(NAMES)), np.zeros(len(NAMES)))
    for values in (np.nan, np.inf, 0.0):
        diagnosed = diagnose(np.full(len(NAMES), values), nothing, NAMES)
        assert sum(finding.probability for finding in diagnosed.findings) == pytest.approx(1.0)
    for x in (changed(), np.full(len(NAMES), np.nan)):
        told = diagnose(x, usual(), NAMES)
        assert [finding.condition for finding in told.findings] == [UNKNOWN]
        assert told.best.probability == 1.0


def test_a_change_that_is_no_fault_s_signature_stays_unknown() -> None:
    told = by_physics(deviating(shaft_half=-30, hum_upper=-30, tonal=-20, fan=25))
    assert told.condition == UNKNOWN


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=len(INDICATORS), max_size=len(INDICATORS)))
@settings(max_examples=60, deadline=None)
def test_only_conditions_with_evidence_are_named_and_probabilities_add_up(values: list[float]) -> None:
    deviations = np.array(values)
    told = by_physics(Indicators(deviations, deviations))
    assert sum(finding.probability for finding in told.findings) == pytest.approx(1.0)
    assert any(finding.condition == UNKNOWN for finding in told.findings)
    for finding in told.findings:
        if finding.condition != UNKNOWN:
            assert any(
                np.isfinite(size) and size * np.nan_to_num(deviations[PLACE[name]]) > 0
                for name, size in SIGNATURES[finding.condition].items()
            )


def test_older_feature_sets_and_missing_sensors_are_understood() -> None:
    names = v1.names()
    told = Usual(np.full(len(names), -50.0), np.full(len(names), 1.0))
    x = told.centre.copy()
    x[20:32] += 9
    indicators = measure(x, told, names, Surroundings())
    assert indicators.deltas[PLACE["floor_high"]] == pytest.approx(9.0)
    assert np.isnan(indicators.deltas[PLACE["vibration"]])
    assert np.isnan(indicators.deltas[PLACE["shaft"]])


def labelled(
    n: int = 12, *, machines: int = 6, seed: int = 0
) -> tuple[NDArray[np.float64], list[str], list[int]]:
    """Deviations of three conditions, on machines that each add a character of their own."""
    rng = np.random.default_rng(seed)
    own = 0.5 * rng.standard_normal((machines, 10))
    x, labels, owners = [], [], []
    for k, label in enumerate(("bearing_wear", "fan_fault", "imbalance")):
        for i in range(n):
            clip = own[i % machines] + rng.standard_normal(10)
            clip[3 * k : 3 * k + 3] += 6
            x.append(clip)
            labels.append(label)
            owners.append(i % machines)
    return np.array(x), labels, owners


def test_a_head_learns_few_labels_and_proves_itself_on_other_machines() -> None:
    x, labels, machines = labelled()
    head = fit_head(x, labels, machines)
    assert head.figures.grouped_by_machine
    assert head.figures.n_machines == 6
    assert head.figures.accuracy > 0.9
    assert int(head.figures.confusion.sum()) == len(labels)
    new, truth, _ = labelled(seed=1)
    said = [max(p, key=p.__getitem__) for p in map(head.probabilities, new)]
    assert np.mean([a == b for a, b in zip(said, truth, strict=True)]) > 0.9
    assert sum(head.probabilities(new[0]).values()) == pytest.approx(1.0)
    assert head.familiarity(x[0]) == pytest.approx(1.0)
    assert head.familiarity(1e6 * np.ones(10)) < 0.01


def test_cross_validation_keeps_a_machine_on_one_side() -> None:
    """Labels that only a machine's own character tells: whole machines held out, nothing can be known."""
    rng = np.random.default_rng(0)
    machines = np.repeat(np.arange(8), 8)
    x = 5 * rng.standard_normal((8, 10))[machines] + 0.1 * rng.standard_normal((64, 10))
    labels = [("friction", "overload")[m % 2] for m in machines]
    assert fit_head(x, labels).figures.accuracy > 0.95
    grouped = fit_head(x, labels, machines.tolist())
    assert grouped.figures.accuracy < 0.8
    assert trust(grouped) < trust(fit_head(*labelled()))


def test_a_head_survives_storage_to_the_last_bit() -> None:
    head = fit_head(*labelled())
    stored = head.to_bytes()
    read = Head.from_bytes(stored)
    assert read.to_bytes() == stored
    assert read.figures.accuracy == head.figures.accuracy
    x = labelled(seed=2)[0][0]
    assert read.probabilities(x) == head.probabilities(x)
    for bad in (b"", b"PK\x03\x04", stored[:900]):
        with pytest.raises(BaselineError):
            Head.from_bytes(bad)


def test_too_few_labels_make_no_head() -> None:
    x, labels, machines = labelled(n=4)
    with pytest.raises(BaselineError, match="at least 5"):
        fit_head(x, labels, machines)
    with pytest.raises(BaselineError, match="one label"):
        fit_head(x, labels[:-1], machines)


def test_people_s_labels_decide_where_physics_hesitates_and_only_near_what_they_labelled() -> None:
    base = usual()
    rng = np.random.default_rng(3)

    def clip(hum: float) -> NDArray[np.float64]:
        """A change that physics does not name: the shaft's tones and the hum both fall."""
        x = changed(shaft_half_db=-25, hum_2_db=-hum, hum_4_db=-hum, fan_db=-20)
        return x + 0.3 * base.scale * rng.standard_normal(x.size)

    quiet, other = (
        [clip(30) for _ in range(14)],
        [changed(shaft_1_db=20) + base.scale * rng.standard_normal(len(NAMES)) for _ in range(14)],
    )
    vectors = np.array([measure(x, base, NAMES).deviations for x in quiet + other])
    head = fit_head(vectors, ["loose_mount"] * 14 + ["imbalance"] * 14, list(range(14)) * 2)
    assert diagnose(quiet[0], base, NAMES).condition != "loose_mount"
    told = diagnose(clip(30), base, NAMES, head=head)
    assert told.condition == "loose_mount"
    assert told.method == "physics-1+head-1"
    assert sum(finding.probability for finding in told.findings) == pytest.approx(1.0)
    far = changed(slip_hz=3, hum_2_db=6, hum_4_db=9, hum_6_db=9, hum_8_db=9)
    assert (
        diagnose(far, base, NAMES, head=head).condition == diagnose(far, base, NAMES).condition == "overload"
    )


def test_neither_head_nor_diagnosis_depends_on_the_number_of_threads() -> None:
    program = (
        "import hashlib, numpy as np\n"
        "from signalcraft.anomaly.diagnosis import fit_head\n"
        "from signalcraft.anomaly.diagnosis.indicators import INDICATORS, Indicators\n"
        "from signalcraft.anomaly.diagnosis.physics_v1 import diagnose\n"
        "rng = np.random.default_rng(0)\n"
        "x = rng.standard_normal((300, len(INDICATORS)))\n"
        "head = fit_head(x, [('a', 'b', 'c')[i % 3] for i in range(300)], [i % 10 for i in range(300)])\n"
        "told = [diagnose(Indicators(3 * row, 3 * row)) for row in x]\n"
        "print(hashlib.sha256(head.to_bytes() + repr(told).encode()).hexdigest())\n"
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
