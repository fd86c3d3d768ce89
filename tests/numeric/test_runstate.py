"""Run states on vectors made by hand, on a virtual machine, and on bad input."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from signalcraft.anomaly import BaselineError
from signalcraft.anomaly.runstate import (
    RECENT_S,
    STATES,
    StateEstimate,
    StateModel,
    comparison_state,
    cycles,
    estimate,
    learn,
)
from signalcraft.anomaly.runstate_cues import N_CUES, POWER, VIBRATION
from signalcraft.anomaly.runstate_model import from_cues
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp import prepare
from signalcraft.dsp.features import v1, v2
from signalcraft.dsp.features.v1 import Feature
from signalcraft.evaluation.synthetic import clip_sound, sensors
from signalcraft.simulation import VirtualMachine, lasting

NAMES = v2.names()
COLUMN = {feature.name: i for i, feature in enumerate(NAMES)}
SEED = 500_012  # of development; it defrosts with a heater
HOT_GAS_SEED = 500_011


def heard(machine: VirtualMachine, at: float, *, snr_db: float = 6.0) -> NDArray[np.float32]:
    return v2.extract(prepare(clip_sound(machine, at, snr_db=snr_db)).samples)


def times(machine: VirtualMachine, state: str, count: int, *, since_s: float = 86_400.0) -> list[float]:
    found: list[float] = []
    at = since_s
    while len(found) < count:
        if machine.state(at, 10.0) == state:
            found.append(at)
            at += 240.0
        at += 7.0 if state in ("starting", "stopping", "door_open") else 60.0
    return found


class Known:
    """A virtual machine learned from fifty clips in a raster, as a node sends them."""

    def __init__(self) -> None:
        self.machine = VirtualMachine(SEED)
        at = [43_200.0 + 300 * i for i in range(50)]
        self.states = [self.machine.state(t, 10.0) for t in at]
        self.vectors = np.array([heard(self.machine, t) for t in at])
        self.sensors = [sensors(self.machine, t) for t in at]
        self.by_sound = learn(self.vectors, [], NAMES)
        self.by_all = learn(self.vectors, self.sensors, NAMES)


@pytest.fixture(scope="module")
def known() -> Known:
    return Known()


def told(
    model: StateModel | None, vectors: Sequence[NDArray[np.float32]], around: Surroundings | None = None
) -> list[str]:
    return [estimate(model, x, NAMES, around or Surroundings()).state for x in vectors]


def test_running_and_standing_are_told_from_sound_alone_in_a_loud_shop(known: Known) -> None:
    for snr_db in (6.0, 0.0):
        learned = (
            known.by_sound
            if snr_db == 6
            else learn([heard(known.machine, 43_200.0 + 300 * i, snr_db=0.0) for i in range(40)], [], NAMES)
        )
        for state in ("running", "off"):
            vectors = [heard(known.machine, at, snr_db=snr_db) for at in times(known.machine, state, 8)]
            assert told(learned, vectors).count(state) >= 7, (snr_db, state)


def test_a_machine_that_is_heard_only_while_it_runs_is_all_running(known: Known) -> None:
    runs = np.array([state == "running" for state in known.states])
    learned = learn(known.vectors[runs], [], NAMES)
    assert learned.n_off == 0
    assert set(told(learned, list(known.vectors[runs]))) == {"running"}
    # ... and is not taken to start, stop or stand because the shop is louder.
    louder = [heard(known.machine, at, snr_db=0.0) for at in times(known.machine, "running", 6)]
    assert set(told(learned, louder)) <= {"running", "door_open"}


def test_fragments_without_lines_are_told_by_their_bands(known: Known) -> None:
    """Old firmware sends 64 ms at a time, in which no line can be found."""
    kinds = ("line", "envelope", "modulation", "course")
    blind = [i for i, f in enumerate(NAMES) if f.kind in kinds and f.name not in ("rms_dbfs", "hiss_dbfs")]
    vectors = known.vectors.copy()
    vectors[:, blind] = np.nan
    found = told(learn(vectors, [], NAMES), list(vectors))
    pairs = [(a, b) for a, b in zip(known.states, found, strict=True) if a in ("running", "off")]
    assert np.mean([a == b for a, b in pairs]) > 0.95


def test_a_silent_clip_of_a_machine_heard_only_running_is_off(known: Known) -> None:
    runs = np.array([state == "running" for state in known.states])
    learned = learn(known.vectors[runs], [], NAMES)
    silent = [heard(known.machine, at, snr_db=20.0) for at in times(known.machine, "off", 4)]
    assert set(told(learned, silent)) == {"off"}


def test_a_heater_is_no_compressor_whatever_it_draws(known: Known) -> None:
    for at in times(known.machine, "defrost", 4):
        assert (
            estimate(known.by_all, heard(known.machine, at), NAMES, sensors(known.machine, at)).state
            == "defrost"
        )


def test_a_defrost_by_the_compressor_itself_is_learned_as_such() -> None:
    machine = VirtualMachine(HOT_GAS_SEED)
    at = [43_200.0 + 300 * i for i in range(100)]
    learned = learn([heard(machine, t) for t in at], [sensors(machine, t) for t in at], NAMES)
    defrosts = [t for t in times(machine, "defrost", 8) if machine.is_running(t)]
    assert len(defrosts) > 3
    assert set(told(learned, [heard(machine, t) for t in defrosts])) == {"defrost"}


def test_a_start_within_the_clip_is_seen_and_so_is_a_stop(known: Known) -> None:
    """The switch in the middle of the clip."""
    for state, other in (("starting", "off"), ("stopping", "running")):
        found = []
        for at in times(known.machine, state, 5):
            switch = next(
                t
                for t in np.arange(at - 9, at + 10, 0.05)
                if known.machine.is_running(t) == (state == "starting")
            )
            clip_at = float(switch) - 5
            around = replace(sensors(known.machine, clip_at), previous_state=other)
            found.append(estimate(known.by_all, heard(known.machine, clip_at), NAMES, around).state)
        assert found.count(state) >= 4, found


@pytest.mark.parametrize(
    "kind", ["bearing_wear", "friction", "valve_leak", "overload", "imbalance", "fan_fault"]
)
def test_a_fault_is_no_other_state_in_which_it_could_hide(known: Known, kind: str) -> None:
    faulty = VirtualMachine(SEED, fault=lasting(kind, 0.7))  # type: ignore[arg-type]
    found = [
        estimate(known.by_all, heard(faulty, at), NAMES, sensors(faulty, at)).state
        for at in times(faulty, "running", 5)
    ]
    assert found.count("running") >= 4, found


def test_what_sounds_like_a_door_for_two_clips_running_is_none(known: Known) -> None:
    """Else a fault that sounds like a state would stay in it, and never be judged."""
    doors = [at for at in times(known.machine, "door_open", 12) if known.machine.is_running(at)]
    x = heard(known.machine, doors[0])
    first = estimate(known.by_sound, x, NAMES)
    again = estimate(known.by_sound, x, NAMES, Surroundings(previous_state="door_open"))
    assert again.probabilities["door_open"] < first.probabilities["door_open"]
    assert again.probabilities["running"] > first.probabilities["running"]


def test_a_machine_never_heard_before_gets_a_cautious_answer(known: Known) -> None:
    running = estimate(None, heard(known.machine, times(known.machine, "running", 1)[0]), NAMES)
    assert running.state == "running"
    assert running.probability < 0.95
    nothing = estimate(None, np.full(len(NAMES), np.nan), NAMES)
    assert nothing.state == "unknown"
    assert comparison_state(nothing) is None


def test_readings_alone_tell_the_state(known: Known) -> None:
    on = sensors(known.machine, times(known.machine, "running", 1)[0])
    off = sensors(known.machine, times(known.machine, "off", 1)[0])
    assert estimate(known.by_all, None, NAMES, on).state == "running"
    assert estimate(known.by_all, None, NAMES, off).state == "off"


def test_learning_does_not_depend_on_the_order_and_survives_storage(known: Known) -> None:
    order = np.random.default_rng(0).permutation(len(known.vectors))
    shuffled = learn(known.vectors[order], [known.sensors[i] for i in order], NAMES)
    assert shuffled.to_bytes() == known.by_all.to_bytes()
    stored = StateModel.from_bytes(known.by_all.to_bytes())
    assert stored.to_bytes() == known.by_all.to_bytes()
    x = known.vectors[0]
    assert estimate(stored, x, NAMES) == estimate(known.by_all, x, NAMES)
    with pytest.raises(BaselineError):
        StateModel.from_bytes(b"PK\x03\x04 nothing")


def test_vectors_that_do_not_fit_are_refused(known: Known) -> None:
    with pytest.raises(BaselineError):
        learn(known.vectors[:, 1:], [], NAMES)
    with pytest.raises(BaselineError):
        learn(known.vectors, [Surroundings()], NAMES)
    with pytest.raises(BaselineError):
        estimate(known.by_sound, known.vectors[0, 1:], NAMES)


def test_another_feature_set_will_do() -> None:
    """Bands alone: the old features, or a data set that came as features."""
    machine = VirtualMachine(SEED)
    at = [43_200.0 + 300 * i for i in range(40)]
    vectors = [v1.extract(prepare(clip_sound(machine, t, snr_db=20.0)).samples) for t in at]
    learned = learn(vectors, [], v1.names())
    right = [
        estimate(learned, x, v1.names()).state == machine.state(t, 10.0)
        for t, x in zip(at, vectors, strict=True)
        if machine.state(t, 10.0) in ("running", "off")
    ]
    assert np.mean(right) > 0.95


wild = st.one_of(st.floats(-200, 200), st.floats(allow_nan=True, allow_infinity=True))


@settings(max_examples=60, deadline=None)
@given(
    usual=wild,
    odd=st.dictionaries(st.sampled_from(NAMES), wild, max_size=8),
    around=st.builds(
        Surroundings,
        power_percent=st.none() | wild,
        temperature_c=st.none() | wild,
        temperature_slope_c_per_min=st.none() | wild,
        vibration_g=st.none() | wild,
        previous_state=st.sampled_from([None, *STATES, "nonsense"]),
    ),
    learned=st.sampled_from(["nothing", "sound", "all", "itself"]),
)
def test_whatever_it_hears_it_answers(
    known: Known, usual: float, odd: dict[Feature, float], around: Surroundings, learned: str
) -> None:
    x = np.full(len(NAMES), usual)
    for feature, value in odd.items():
        x[COLUMN[feature.name]] = value
    model = {"nothing": None, "sound": known.by_sound, "all": known.by_all}.get(learned)
    if learned == "itself":
        model = learn([x] * 8, [around] * 8, NAMES)
    found = estimate(model, x, NAMES, around)
    assert found.state in STATES
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.probability == max(found.probabilities.values())
    assert all(math.isfinite(value) for value in found.evidence.values())


def test_a_state_is_compared_with_its_own_kind_only() -> None:
    for state in STATES:
        group = comparison_state(StateEstimate(state, 0.9, {}, {}))
        assert group == (None if state == "unknown" else state)


def test_cycles_by_hand() -> None:
    """Ten minutes on, five off, asked every minute from the start of a run on."""
    history = [(60.0 * i, "running" if i % 15 < 10 else "off") for i in range(151)]
    found = cycles(history)
    # The first start was before the window: nine more follow, and the tenth is its last moment.
    assert found.starts == 10
    assert found.observed_s == 9000
    assert found.starts_per_hour == pytest.approx(4.0)
    assert found.duty == pytest.approx(2 / 3, abs=0.01)
    assert found.mean_run_s == pytest.approx(600, rel=0.02)
    assert found.resolved


def test_a_transient_is_a_start_of_its_own() -> None:
    """Two runs, of which the pause between fell between two clips."""
    found = cycles([(0, "running"), (300, "running"), (600, "starting"), (900, "running")])
    assert found.starts == 1
    assert cycles([(0, "off"), (300, "stopping"), (600, "off")]).starts == 1
    assert cycles([(0, "off"), (10, "starting"), (15, "starting"), (30, "running")]).starts == 1


def test_unobserved_time_counts_for_nothing() -> None:
    night = [(60.0 * i, "off") for i in range(10)]
    day = [(1e6 + 60.0 * i, "running") for i in range(10)]
    found = cycles(night + day)
    assert found.observed_s == 2 * 9 * 60
    assert found.duty == pytest.approx(0.5)
    assert (found.starts, found.mean_run_s) == (0, None)
    nothing = cycles([(0.0, "running"), (math.nan, "off"), (5.0, "unknown"), (9.0, "door_open")])
    assert (nothing.starts_per_hour, nothing.duty, nothing.observed_s) == (None, None, 0.0)


moments = st.lists(
    st.tuples(
        st.floats(-1e7, 1e7) | st.sampled_from([0.0, 60.0, math.nan, math.inf]), st.sampled_from(STATES)
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(history=moments, shuffled=st.randoms(use_true_random=False))
def test_cycles_are_bounded_and_do_not_depend_on_order(
    history: list[tuple[float, str]], shuffled: object
) -> None:
    found = cycles(history)
    other = list(history)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    assert cycles(other) == found
    at = [when for when, _ in history if math.isfinite(when)]
    assert 0 <= found.observed_s <= (max(at) - min(at) if at else 0) + 1e-6
    assert found.starts <= 2 * len(history)
    if found.duty is not None:
        assert -1e-9 <= found.duty <= 1 + 1e-9
        assert found.spacing_s is not None
        assert 0 < found.spacing_s <= RECENT_S


@settings(deadline=None)
@given(
    run_s=st.floats(600, 3000),
    pause_s=st.floats(600, 3000),
    phase_s=st.floats(0, 3000),
    every_s=st.floats(30, 240),
)
def test_cycles_find_what_a_steady_machine_does(
    run_s: float, pause_s: float, phase_s: float, every_s: float
) -> None:
    period = run_s + pause_s
    history = [
        (t, "running" if (t + phase_s) % period < run_s else "off")
        for t in np.arange(0, 4 * period, every_s).tolist()
    ]
    found = cycles(history)
    assert found.duty == pytest.approx(run_s / period, abs=1.5 * every_s / period)
    assert abs(found.starts - 4) <= 1
    if 4 * every_s <= min(run_s, pause_s):
        assert found.resolved


@pytest.mark.parametrize(("current_of_the_lower", "split"), [(60.0, False), (2.0, True)])
def test_the_same_current_is_the_same_state_however_it_sounds(
    current_of_the_lower: float, split: bool
) -> None:
    """A fault may cover the motor's lines in some clips; a pause draws no current."""
    rng = np.random.default_rng(1)
    cues = rng.normal(0.0, 1.0, (60, N_CUES))
    cues[30:] += 12.0
    cues[:, POWER] = rng.normal(60.0, 0.8, 60)
    cues[:30, POWER] = rng.normal(current_of_the_lower, 0.8, 30)
    cues[:, VIBRATION] = np.nan
    learned = from_cues(cues)
    assert (learned.n_off > 0) is split
