import json

import numpy as np
import pytest

from signalcraft.evaluation.diagnosis import Judged, figures, macro_f1, supervised
from signalcraft.evaluation.diagnosis_report import as_json, details, tables
from signalcraft.evaluation.run import Group
from signalcraft.evaluation.trials import NORMAL, Sample


def judged(truth: str, said: str, probability: float, *, found: bool = True) -> Judged:
    return Judged(truth, said, probability, found, said if found else NORMAL)


CLIPS = [
    judged("bearing_wear", "bearing_wear", 0.9),
    judged("bearing_wear", "friction", 0.9),
    judged("friction", "friction", 0.9),
    judged("friction", "unknown_anomaly", 0.5, found=False),
    judged(NORMAL, "friction", 0.3, found=False),
    judged(NORMAL, "friction", 0.3),
]


def test_figures_by_hand() -> None:
    made = figures(CLIPS)
    assert made is not None
    assert made.clips == 4
    assert made.per_class["bearing_wear"].precision == 1.0
    assert made.per_class["bearing_wear"].recall == 0.5
    assert made.per_class["friction"].f1 == pytest.approx(0.5)
    assert made.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)
    low, high = made.macro_f1_interval
    assert low <= made.macro_f1 <= high
    # One friction and one healthy clip are missed or taken for friction: 2·1/(2+3), and 2·1/(2+2) for normal.
    assert made.with_normal == pytest.approx((2 / 3 + 2 / 5 + 1 / 2) / 3)
    assert made.found == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert made.confusion == ((1, 1, 0), (0, 1, 1))
    assert made.said_unknown == 0.25
    assert [(b.clips, b.right) for b in made.calibration] == [(1, 0.0), (3, pytest.approx(2 / 3))]
    assert made.calibration_error == pytest.approx((0.5 + 3 * abs(0.9 - 2 / 3)) / 4)


def test_what_was_not_labelled_with_conditions_has_no_figures() -> None:
    assert figures([judged(NORMAL, "friction", 0.5)]) is None
    assert tables([Group("g")]) == []
    assert as_json(Group("g")) == {"diagnosis": None, "supervised": None}


def test_where_the_detector_found_nothing_there_is_no_figure_of_what_it_found() -> None:
    made = figures([judged("friction", "friction", 0.9, found=False)])
    assert made is not None
    assert made.macro_f1 == 1.0
    assert made.found is None


def test_a_class_that_is_never_said_counts_nothing() -> None:
    truth, said = np.array(["a", "b"]), np.array(["a", "a"])
    assert macro_f1(truth, said, ("a", "b")) == pytest.approx((2 / 3 + 0) / 2)


def test_tables_and_json_hold_the_same_figures() -> None:
    rng = np.random.default_rng(0)
    samples = [
        Sample(f"{kind} {i}", f"{kind} {i}", kind, rng.standard_normal(4) + 6 * k)
        for k, kind in enumerate(("Healthy", "Bearing"))
        for i in range(20)
    ]
    group = Group("6 dB", judged=CLIPS, supervised=supervised(samples))
    (_, _, rows), (_, _, learned) = tables([group])
    assert rows[0][2].startswith("0.583")
    assert learned[0][1] == "100.0%"
    stored = json.loads(json.dumps(as_json(group), allow_nan=False))
    assert stored["diagnosis"]["macro_f1"] == pytest.approx(0.5833, abs=1e-3)
    assert stored["supervised"]["confusion"] == [[20, 0], [0, 20]]
    assert [title for title, _, _ in details(group)] == [
        "Per condition",
        "Confusion: true in rows, said in columns",
        "What the probabilities mean",
        "Confusion: true in rows, said in columns",
    ]
