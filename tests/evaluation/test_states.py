import json
from dataclasses import asdict

import pytest

from signalcraft.anomaly.runstate import StateEstimate
from signalcraft.evaluation import states


def estimate(state: str) -> StateEstimate:
    return StateEstimate(state, 0.8, {}, {})


def test_figures_by_hand() -> None:
    pairs = [("off", "off"), ("off", "running"), ("running", "running"), ("starting", "unknown")]
    told = states._summary(6.0, True, [(state, estimate(heard)) for state, heard in pairs])
    assert told.right == 0.5
    assert told.f1 == {"off": pytest.approx(2 / 3), "running": pytest.approx(2 / 3), "starting": 0.0}
    assert told.macro_f1 == pytest.approx(4 / 9)
    assert told.recall["off"] == 0.5
    # Of three clips whose true and told state both tell whether the compressor runs, two are right.
    assert told.compressor == pytest.approx(2 / 3)
    assert told.confusion["starting"]["unknown"] == 1
    row = states.rows([told])[0]
    assert len(row) == len(states.HEADER)
    assert row[-1] == "–"  # no door was ever open
    json.dumps(asdict(told), allow_nan=False)


def test_every_condition_is_told_with_and_without_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_FIRST", 500_000)
    for name, value in {"MACHINES": 1, "LEARN_CLIPS": 30, "TEST_CLIPS": 12, "SNR_DB": (20.0,)}.items():
        monkeypatch.setattr(states, name, value)
    told = list(states.told())
    assert [(one.snr_db, one.sensors, one.clips) for one in told] == [(20.0, False, 12), (20.0, True, 12)]
    assert sum(sum(row.values()) for row in told[1].confusion.values()) == 12
    assert told[1].right > 0.7
