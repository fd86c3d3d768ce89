import numpy as np
import pytest
from numpy.typing import NDArray

from signalcraft.anomaly.decision import Assessed, decide
from signalcraft.anomaly.mahalanobis_v1 import assess, fit
from signalcraft.dsp import assess_quality, decode_pcm, prepare
from signalcraft.dsp.features import v1
from signalcraft.simulation import Fault, VirtualMachine

EVERY_S = 300


def features(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    sound = decode_pcm(pcm.tobytes(), sample_rate_hz=16_000, bits_per_sample=16)
    assert assess_quality(sound).assessable
    return v1.extract(prepare(sound).samples)


def running_times(machine: VirtualMachine, count: int, start: float = 0) -> list[float]:
    times = (start + i * EVERY_S for i in range(100 * count))
    return [at for at, _ in zip((at for at in times if machine.is_running(at)), range(count), strict=False)]


def test_the_same_seed_and_time_give_the_same_clip_in_any_order() -> None:
    machine = VirtualMachine(7)
    later, first = machine.clip(60.0), machine.clip(0.0)
    again = VirtualMachine(7)
    np.testing.assert_array_equal(again.clip(0.0), first)
    np.testing.assert_array_equal(again.clip(60.0), later)
    assert again.reading(60.0) == machine.reading(60.0)
    assert first.shape == (160_000,)
    assert first.dtype == np.int16
    assert not np.array_equal(first, later)
    assert not np.array_equal(VirtualMachine(8).clip(0.0), first)
    assert machine.clip(0.0, duration_s=30).shape == (480_000,)


def test_hum_stands_at_twice_the_mains_and_its_harmonics() -> None:
    spectrum = np.abs(np.fft.rfft(VirtualMachine(1).clip(0.0) * np.hanning(160_000)))  # bins of 0.1 Hz
    for hz in (120, 240, 360):
        around = spectrum[(hz - 20) * 10 : (hz + 20) * 10]
        assert spectrum[hz * 10] > 20 * np.median(around)


def test_readings_follow_the_run_state() -> None:
    machine = VirtualMachine(3)
    minutes = [60.0 * i for i in range(24 * 60)]
    running = np.array([machine.is_running(at) for at in minutes])
    readings = [machine.reading(at) for at in minutes]
    starts = np.count_nonzero(np.diff(running.astype(int)) == 1)
    assert 0.4 < running.mean() < 0.8
    assert 24 <= starts <= 80  # one to three an hour
    power = np.array([r["power_percent"] for r in readings])
    assert power[running].min() > 40 > 10 > power[~running].max()
    temperature = np.array([r["temperature_c"] for r in readings])
    assert -23.5 < temperature.min() < temperature.max() < -17
    step = np.diff(temperature)
    assert step[running[1:] & running[:-1]].mean() < 0 < step[~running[1:] & ~running[:-1]].mean()
    on = next(at for at, runs in zip(minutes, running, strict=True) if runs)
    heard = np.abs(machine.clip(on).astype(float)).mean()
    assert machine.reading(on)["audio_level"] == pytest.approx(heard, rel=0.35)


def test_a_day_of_a_healthy_machine_raises_nothing_and_a_growing_fault_is_found() -> None:
    for seed in (1, 2):
        machine = VirtualMachine(seed)
        times = running_times(machine, 220)
        baseline = fit([features(machine.clip(at)) for at in times[:60]])
        onset = times[-1]
        worn = VirtualMachine(seed, fault=Fault(starts_at=onset, grows_over_s=24 * 3600))
        history = []
        for at in times[60:]:
            clip = worn.clip(at)
            a = assess(baseline, features(clip))
            history.append(Assessed(a.ratio, a.grave))
            assert decide(history).action != "raise"
        decisions = []
        for at in running_times(worn, 100, start=onset):
            a = assess(baseline, features(worn.clip(at)))
            history.append(Assessed(a.ratio, a.grave))
            decisions.append(decide(history).severity)
        assert decisions[0] is None  # grows from nothing
        assert "critical" in decisions
