"""The virtual machine against the physics that it claims."""

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt
from scipy.stats import kurtosis

from signalcraft.dsp import assess_quality, decode_pcm
from signalcraft.simulation import KINDS, SAMPLE_RATE_HZ, Fault, Kind, VirtualMachine, lasting
from signalcraft.simulation.microphone import HIGH_PASS_HZ, recorded

DAY_S = 86_400
QUIET_DB = 30.0  # of the shop, where the machine is looked at
GRAVE = 0.9
BAND_EDGES_HZ = np.geomspace(60, 7800, 41)


def times_in(machine: VirtualMachine, state: str, count: int = 4) -> list[float]:
    """Moments at which a clip is of that state."""
    return list(islice((at for at in np.arange(0.0, 9 * DAY_S, 30) if machine.state(at, 10) == state), count))


def running(machine: VirtualMachine, count: int = 4) -> list[float]:
    """Well into a run, so that pressure and slip have settled."""
    settled = (
        at
        for at in np.arange(300.0, 9 * DAY_S, 30)
        if machine.runs_through(at) and machine.is_running(at - 150) and machine.is_running(at - 300)
    )
    return list(islice(settled, count))


def heard(machine: VirtualMachine, at: float, seconds: float = 10.0) -> NDArray[np.float64]:
    return machine.clip(at, seconds, snr_db=QUIET_DB).astype(np.float64) / 32768


def power(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power spectrum in bins of 1 / duration."""
    spectrum: NDArray[np.float64] = np.square(np.abs(np.fft.rfft(sound * np.hanning(sound.size))))
    return spectrum


def line_db(machine: VirtualMachine, hz: float, width_hz: float = 0.4) -> float:
    """Level of the strongest line near a frequency, mean over some clips."""
    found = []
    for at in running(machine):
        spectrum = power(heard(machine, at))
        found.append(spectrum[round((hz - width_hz) * 10) : round((hz + width_hz) * 10) + 1].max())
    return float(10 * np.log10(np.mean(found)))


def band_db(sound: NDArray[np.float64], low_hz: float, high_hz: float) -> float:
    spectrum, bins = power(sound), sound.size / SAMPLE_RATE_HZ
    return float(10 * np.log10(spectrum[round(low_hz * bins) : round(high_hz * bins)].mean()))


def bands_db(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum, bins = power(sound), sound.size / SAMPLE_RATE_HZ
    edges = (BAND_EDGES_HZ * bins).astype(int)
    return np.array([10 * np.log10(spectrum[a:b].mean()) for a, b in pairwise(edges)])


def mean_band_db(machine: VirtualMachine, low_hz: float, high_hz: float) -> float:
    return float(np.mean([band_db(heard(machine, at), low_hz, high_hz) for at in running(machine)]))


def shaft_hz(machine: VirtualMachine, at: float) -> float:
    """The strongest line where a two-pole shaft can be."""
    spectrum = power(heard(machine, at, 20.0))
    low, high = (round(machine.mains_hz * share * 20) for share in (0.90, 0.99))
    return float(low + spectrum[low:high].argmax()) / 20


def slip(machine: VirtualMachine) -> float:
    return float(np.mean([1 - shaft_hz(machine, at) / machine.mains_hz for at in running(machine)]))


def rhythm(sound: NDArray[np.float64], low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Spectrum of a band's envelope, in bins of 0.1 Hz up to 400 Hz, against its median."""
    band = sosfilt(butter(4, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), sound)
    spectrum = power(np.abs(band) - np.abs(band).mean())[:4000]
    return np.asarray(np.sqrt(spectrum / np.median(spectrum[20:])))


def worn(seed: int, kind: Kind, severity: float = GRAVE) -> VirtualMachine:
    return VirtualMachine(seed, fault=lasting(kind, severity))


def test_the_same_seed_and_time_give_the_same_clip_in_any_order() -> None:
    machine = VirtualMachine(7)
    later, first = machine.clip(1e6), machine.clip(0.0)
    again = VirtualMachine(7)
    np.testing.assert_array_equal(again.clip(0.0), first)
    np.testing.assert_array_equal(again.clip(1e6), later)
    assert again.reading(1e6) == machine.reading(1e6)
    moments = [float(at) for at in np.random.default_rng(0).permutation(np.arange(0, 2 * DAY_S, 777))]
    assert [machine.state(at) for at in moments] == [VirtualMachine(7).state(at) for at in moments]
    assert first.shape == (160_000,)
    assert first.dtype == np.int16
    assert not np.array_equal(first, later)
    assert not np.array_equal(VirtualMachine(8).clip(0.0), first)
    assert machine.clip(0.0, duration_s=30).shape == (480_000,)
    with pytest.raises(ValueError, match="starts at 0"):
        machine.state(-1.0)


def test_until_a_fault_begins_the_machine_is_its_healthy_self() -> None:
    healthy, faulty = VirtualMachine(4), VirtualMachine(4, fault=Fault(DAY_S, DAY_S, "valve_leak"))
    for at in (0.0, 40_000.0):
        np.testing.assert_array_equal(faulty.clip(at), healthy.clip(at))
        assert faulty.reading(at) == healthy.reading(at)
    at = running(worn(4, "imbalance"))[0]
    np.testing.assert_array_equal(worn(4, "imbalance").clip(at, faulty=False), healthy.clip(at))


@pytest.mark.parametrize("mains_hz", [50, 60])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hum_stands_at_twice_the_mains_with_side_bands_of_twice_the_slip(seed: int, mains_hz: int) -> None:
    machine = VirtualMachine(seed, mains_hz=mains_hz)
    at = running(machine)[0]
    spectrum = power(heard(machine, at, 20.0))  # bins of 0.05 Hz
    for hz in (2 * mains_hz, 4 * mains_hz):
        around = np.median(spectrum[(hz - 20) * 20 : (hz + 20) * 20])
        assert spectrum[hz * 20 - 1 : hz * 20 + 2].max() > 1000 * around
    distance = 2 * (mains_hz - shaft_hz(machine, at))
    # The lower one falls on the shaft's second harmonic; the upper one stands alone.
    place = round((2 * mains_hz + distance) * 20)
    found = spectrum[place - 3 : place + 4].max()
    assert found > 10 * np.median(spectrum[place - 40 : place + 41])
    hum = spectrum[2 * mains_hz * 20 - 1 : 2 * mains_hz * 20 + 2].max()
    assert -32 < 10 * np.log10(found / hum) < -10


def test_every_state_comes_and_sounds_like_itself() -> None:
    machine = VirtualMachine(3)
    week = Counter(machine.state(at, 10) for at in np.arange(0.0, 7 * DAY_S, 300))
    assert set(week) == {"off", "starting", "running", "stopping", "defrost", "door_open"}
    assert 0.4 < week["running"] / week.total() < 0.75
    assert 0.015 < week["defrost"] / week.total() < 0.06  # every 8 to 12 hours for a quarter of an hour
    for state in week:
        for at in times_in(machine, state):
            sound = decode_pcm(machine.clip(at).tobytes(), sample_rate_hz=16_000, bits_per_sample=16)
            assert assess_quality(sound).assessable, (state, at)
    hum = {
        state: np.mean([band_db(heard(machine, at), 100, 500) for at in times_in(machine, state)])
        for state in ("off", "running", "defrost")
    }
    assert hum["running"] > hum["off"] + 15
    assert hum["running"] > hum["defrost"] + 15
    for state, sign in (("starting", 1), ("stopping", -1)):
        at = next(
            at
            for at in np.arange(0.0, 2 * DAY_S, 5)
            if [machine.is_running(at + 1), machine.is_running(at + 9)] == [sign < 0, sign > 0]
        )
        assert machine.state(at, 10) == state
        sound = heard(machine, at)
        change = band_db(sound[-16_000:], 100, 500) - band_db(sound[:16_000], 100, 500)
        assert sign * change > 10, state


def test_a_start_draws_inrush() -> None:
    machine = VirtualMachine(3)
    at = next(
        at
        for at in np.arange(0.0, DAY_S, 0.5)
        if machine.is_running(at + 2) and not machine.is_running(at + 1.5)
    )
    sound = heard(machine, at)
    levels = np.sqrt(np.mean(np.square(sound.reshape(-1, 800)), axis=1))  # of 50 ms each
    assert levels[30:45].max() > 1.5 * levels[-40:].mean()
    assert machine.reading(at + 2)["power_percent"] > 90 > machine.reading(at + 10)["power_percent"]


def test_an_open_door_lets_the_shop_in_brighter_and_warms_the_storage() -> None:
    machine = VirtualMachine(3)
    at = next(at for at in times_in(machine, "door_open", 40) if not machine.is_running(at))
    ajar, shut = worn(3, "door_open"), VirtualMachine(3)
    still = [
        at
        for at in np.arange(0.0, 2 * DAY_S, 60)
        if ajar.state(at) == "door_open" and not ajar.is_running(at)
    ]
    gains = []
    for low, high in ((100, 500), (3000, 6000)):
        open_db = np.mean([band_db(ajar.clip(at, snr_db=0.0) / 32768, low, high) for at in still[:4]])
        shut_times = times_in(shut, "off")
        gains.append(
            open_db - np.mean([band_db(shut.clip(at, snr_db=0.0) / 32768, low, high) for at in shut_times])
        )
    assert gains[0] > 4
    assert gains[1] > gains[0] + 3
    before, after = machine.reading(at - 60)["temperature_c"], machine.reading(at + 10)["temperature_c"]
    assert after > before + 0.2


def test_readings_follow_the_machine() -> None:
    machine = VirtualMachine(3)
    minutes = [60.0 * i for i in range(24 * 60)]
    state = np.array([machine.state(at) for at in minutes])
    runs = np.array([machine.is_running(at) for at in minutes])
    readings = [machine.reading(at) for at in minutes]
    amps = np.array([r["power_percent"] for r in readings])
    celsius = np.array([r["temperature_c"] for r in readings])
    assert 24 <= np.count_nonzero(np.diff(runs.astype(int)) == 1) <= 80  # one to three starts an hour
    assert amps[runs].min() > 45
    assert amps[~runs & (state == "defrost")].min() > 30
    assert amps[~runs & (state != "defrost")].max() < 10
    assert celsius[state == "defrost"].max() > np.median(celsius) + 3
    step = np.diff(celsius)
    assert step[runs[1:] & runs[:-1]].mean() < 0 < step[~runs[1:] & ~runs[:-1]].mean()
    for at in (times_in(machine, "running")[0], times_in(machine, "off")[0]):
        level = np.abs(machine.clip(at).astype(float)).mean()
        assert machine.reading(at)["audio_level"] == pytest.approx(level, rel=0.45)


def test_bearing_wear_hits_out_of_step_with_the_shaft_and_rings() -> None:
    machine = worn(1, "bearing_wear", 0.5)
    at = running(machine)[0]
    sound, turn = heard(machine, at), shaft_hz(machine, at)
    found = rhythm(sound, 2500, 7000)
    orders = np.arange(found.size) / 10 / turn
    passes = orders[(orders > 2.5) & (orders < 4)][found[(orders > 2.5) & (orders < 4)].argmax()]
    assert 2.85 < passes < 3.65
    assert abs(passes - round(passes)) > 0.03
    band = butter(4, [2500, 7000], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    assert kurtosis(sosfilt(band, sound)) > kurtosis(sosfilt(band, heard(VirtualMachine(1), at))) + 2


def test_imbalance_raises_the_shaft_line_and_vibration_but_not_the_hum() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "imbalance")
    turn = shaft_hz(faulty, running(faulty)[0])
    assert line_db(faulty, turn) > line_db(healthy, turn) + 12
    assert line_db(faulty, 120) == pytest.approx(line_db(healthy, 120), abs=0.5)
    at = running(faulty)[0]
    assert faulty.reading(at)["vibration"]["x"] > 3 * healthy.reading(at)["vibration"]["x"]


def test_a_loose_mount_answers_every_other_turn() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "loose_mount")
    turn = shaft_hz(faulty, running(faulty)[0])
    for order in (1.5, 2.5, 3.5):
        assert line_db(faulty, order * turn) > line_db(healthy, order * turn) + 10


def test_friction_scrapes_once_a_turn() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "friction")
    at = running(faulty)[0]
    turn = shaft_hz(faulty, at)
    found = rhythm(heard(faulty, at), 500, 3000)
    assert found[round(turn * 10) - 3 : round(turn * 10) + 4].max() > 15
    assert mean_band_db(faulty, 500, 3000) > mean_band_db(healthy, 500, 3000) + 6
    assert faulty.reading(at)["power_percent"] > 1.15 * healthy.reading(at)["power_percent"]


def test_a_leaking_valve_hisses_with_every_stroke_and_runs_longer() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "valve_leak")
    assert mean_band_db(faulty, 3000, 7500) > mean_band_db(healthy, 3000, 7500) + 8
    at = running(faulty)[0]
    strokes = 2 * shaft_hz(faulty, at)  # that model has two cylinders
    found = rhythm(heard(faulty, at), 3000, 7000)
    assert found[round(strokes * 10) - 3 : round(strokes * 10) + 4].max() > 15
    assert duty(faulty) > duty(healthy) + 0.15


def test_slugging_knocks_mostly_after_a_start() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "liquid_slugging")
    minutes = np.arange(60.0, 3 * DAY_S, 60)
    early = [at for at in minutes if faulty.runs_through(at) and not faulty.is_running(at - 60)][:6]
    late = running(faulty, 6)
    crest = {
        name: np.mean([np.abs(heard(machine, at)).max() for at in times])
        for name, machine, times in (
            ("early", faulty, early),
            ("late", faulty, late),
            ("healthy", healthy, running(healthy, 6)),
        )
    }
    loud = {
        name: np.mean([np.mean(np.abs(heard(faulty, at)) > 1.3 * crest["healthy"]) for at in times])
        for name, times in (("early", early), ("late", late))
    }
    assert crest["late"] > 2 * crest["healthy"]
    assert loud["early"] > 1.5 * loud["late"] > 0


def test_overload_hums_slips_draws_and_warms() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "overload")
    assert line_db(faulty, 120) > line_db(healthy, 120) + 5
    assert slip(faulty) > 1.6 * slip(healthy)
    assert mean_reading(faulty, "power_percent") > 1.3 * mean_reading(healthy, "power_percent")
    assert mean_reading(faulty, "temperature_c") > mean_reading(healthy, "temperature_c") + 2


def test_lost_refrigerant_unloads_the_motor_and_never_stops_running() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "refrigerant_loss")
    assert slip(faulty) < 0.75 * slip(healthy)
    assert mean_reading(faulty, "power_percent") < 0.8 * mean_reading(healthy, "power_percent")
    assert mean_reading(faulty, "temperature_c") > mean_reading(healthy, "temperature_c") + 5
    assert duty(faulty) > 0.9
    swings = [
        np.std([band_db(part, 400, 1500) for part in np.split(heard(machine, running(machine)[0]), 40)])
        for machine in (healthy, faulty)
    ]
    assert swings[1] > 1.5 * swings[0]  # it gurgles


@pytest.mark.parametrize("seed", [1, 2])  # a blocked coil, a broken blade
def test_a_failing_fan_slows_down_and_loses_its_even_blades(seed: int) -> None:
    healthy, faulty = VirtualMachine(seed), worn(seed, "fan_fault")
    low, high = (60, 110) if seed == 2 else (100, 800)
    assert mean_band_db(faulty, low, high) > mean_band_db(healthy, low, high) + 2
    assert mean_reading(faulty, "power_percent") > 1.05 * mean_reading(healthy, "power_percent")


def test_short_cycling_sounds_normal_and_starts_often() -> None:
    healthy, faulty = VirtualMachine(2), worn(2, "short_cycling")
    assert starts_per_hour(healthy) < 4
    assert starts_per_hour(faulty) > 8
    at = next(at for at in np.arange(0.0, DAY_S, 30) if faulty.runs_through(at))
    np.testing.assert_array_equal(faulty.clip(at), faulty.clip(at, faulty=False))


@pytest.mark.parametrize("kind", KINDS)
def test_faults_grow_from_nothing(kind: Kind) -> None:
    fault = Fault(starts_at=1000.0, grows_over_s=500.0, kind=kind)
    assert [fault.severity(at) for at in (0.0, 1000.0, 1250.0, 1500.0, 9e9)] == [0, 0, 0.5, 1, 1]
    machines = [worn(5, kind, severity) for severity in (0.01, 0.5)]
    at = next(
        at
        for at in np.arange(0.0, 5 * DAY_S, 30)
        if all(m.is_running(at) and m.is_running(at + 10) for m in machines)
    )
    small, large = (
        np.abs(bands_db(m.clip(at) / 32768) - bands_db(m.clip(at, faulty=False) / 32768)).max()
        for m in machines
    )
    if kind != "short_cycling":
        assert small < 0.5 * large


def test_machines_of_a_model_resemble_each_other_more_than_others() -> None:
    def spectrum(machine: VirtualMachine) -> NDArray[np.float64]:
        shape = np.mean([bands_db(heard(machine, at)) for at in running(machine)], axis=0)
        return np.asarray(shape - shape.mean())

    first, second = (spectrum(VirtualMachine(seed, model=1)) for seed in (11, 12))
    others = [spectrum(VirtualMachine(11, model=model)) for model in (2, 3)]
    # The median: a line that a tolerance moves over the edge of a band is no difference of sound.
    within = np.median(np.abs(first - second))
    assert all(within < 0.7 * np.median(np.abs(first - other)) for other in others)


def test_the_microphone_has_noise_and_hears_no_deep_bass() -> None:
    rng = np.random.default_rng(0)
    silence = recorded(np.zeros(160_000, np.float32), rng).astype(np.float64) / 32768
    assert 20 * np.log10(np.std(silence)) == pytest.approx(-87.0, abs=0.4)
    t = np.arange(160_000) / SAMPLE_RATE_HZ
    levels = [
        np.std(recorded((0.1 * np.sin(2 * np.pi * hz * t)).astype(np.float32), rng)[16_000:])
        for hz in (HIGH_PASS_HZ, 1000.0, 20.0)
    ]
    assert 20 * np.log10(levels[0] / levels[1]) == pytest.approx(-3.0, abs=0.3)
    assert 20 * np.log10(levels[2] / levels[1]) < -9
    assert recorded(np.full(100, 9.0, np.float32), rng).max() == 32767


def duty(machine: VirtualMachine) -> float:
    return float(np.mean([machine.is_running(at) for at in np.arange(0.0, 3 * DAY_S, 120)]))


def starts_per_hour(machine: VirtualMachine) -> float:
    runs = np.array([machine.is_running(at) for at in np.arange(0.0, DAY_S, 15)])
    return float(np.count_nonzero(np.diff(runs.astype(int)) == 1)) / 24


def mean_reading(machine: VirtualMachine, name: str) -> float:
    return float(np.mean([machine.reading(at)[name] for at in running(machine, 8)]))
