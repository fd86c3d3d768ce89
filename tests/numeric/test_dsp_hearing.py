"""Feature set `hearing-2` on signals whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from signalcraft.dsp import DspError, assess_quality, decode, fourier, prepare, spectra
from signalcraft.dsp.features import FEATURE_SETS, v2

from .signals import RATE_HZ, encoded, noise, sine, sound

SECONDS = 10.0


def heard(samples: NDArray[np.floating]) -> dict[str, float]:
    values = v2.extract(samples.astype(np.float32))
    return {f.name: float(v) for f, v in zip(v2.names(), values, strict=True)}


def tone(hz: float, amplitude: float, seconds: float = SECONDS) -> NDArray[np.float32]:
    return sine(hz, amplitude=amplitude, seconds=seconds)


def machine(
    mains_hz: float, shaft_hz: float, *, rms: float = 0.002, seconds: float = SECONDS
) -> NDArray[np.float32]:
    """Hum at even harmonics, a shaft with four, a motor that hunts with its slip, and noise."""
    slip = 2 * (mains_hz - shaft_hz)
    hum = sum(tone(k * mains_hz, 0.02 / k, seconds) for k in (2, 4, 6, 8))
    hum = hum * (1 + 0.2 * tone(slip, 1.0, seconds))
    shaft = sum(tone(k * shaft_hz, 0.004 / k, seconds) for k in (1, 2, 3, 4))
    return np.asarray(hum + shaft + noise(rms=rms, seconds=seconds), np.float32)


def test_names_are_unique_and_complete() -> None:
    names = v2.names()
    assert len(names) == len({f.name for f in names}) == v2.extract(noise()).size
    assert [f.kind for f in names[: 4 * 64 : 64]] == ["level", "floor", "peak", "variation"]
    assert all(0 <= f.low_hz < f.high_hz <= RATE_HZ / 2 for f in names)
    assert FEATURE_SETS[v2.NAME] is v2


@pytest.mark.parametrize(
    ("mains_hz", "shaft_hz"), [(60.0, 58.2), (59.83, 57.4), (50.12, 48.9), (49.75, 49.0)]
)
def test_mains_shaft_and_slip_are_found_not_assumed(mains_hz: float, shaft_hz: float) -> None:
    found = heard(machine(mains_hz, shaft_hz))
    assert found["mains_hz"] == pytest.approx(mains_hz, abs=0.01)
    assert found["shaft_hz"] == pytest.approx(shaft_hz, abs=0.02)
    assert found["slip_hz"] == pytest.approx(2 * (mains_hz - shaft_hz), abs=0.05)
    assert found["hum_2_db"] == pytest.approx(20 * math.log10(0.01), abs=0.1)
    assert found["shaft_1_db"] == pytest.approx(20 * math.log10(0.004), abs=0.1)
    assert found["slip_sideband_db"] == pytest.approx(-20, abs=0.5)  # half of the modulation on each side
    assert found["shaft_half_db"] < -60


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_noise_has_no_machine_in_it(seed: int) -> None:
    found = heard(noise(seed=seed, seconds=SECONDS))
    assert all(math.isnan(found[name]) for name in ("mains_hz", "shaft_hz", "slip_hz", "fan_hz"))
    assert found["tonal_share"] < 0.01
    assert max(abs(found[f"impact_kurtosis_{band}"]) for band in v2.IMPACT_BANDS) < 0.2


def test_a_fan_is_found_by_its_family_and_a_lone_tone_is_none() -> None:
    fan = sum(tone(26.3 * k, a) for k, a in ((1, 0.003), (2, 0.002), (5, 0.01), (10, 0.004)))
    found = heard(machine(60.0, 58.2) + fan)
    assert found["fan_hz"] == pytest.approx(26.3, abs=0.02)
    power = sum(a * a for a in (0.003, 0.002, 0.01, 0.004))
    assert found["fan_db"] == pytest.approx(10 * math.log10(power), abs=0.3)
    assert found["shaft_hz"] == pytest.approx(58.2, abs=0.02)
    assert math.isnan(heard(machine(60.0, 58.2) + tone(131.5, 0.01))["fan_hz"])


def test_impacts_have_a_rhythm_and_a_bang_has_none() -> None:
    ring = np.exp(-np.arange(96) / 16) * np.sin(2 * np.pi * 4500 / RATE_HZ * np.arange(96))
    train = np.zeros(round(SECONDS * RATE_HZ))
    train[(np.arange(1, 1700) * RATE_HZ / 173.0).astype(int)] = 0.1
    quiet = noise(rms=0.005, seconds=SECONDS)
    found = heard(quiet + np.convolve(train, ring)[: train.size])
    assert found["impact_rate_high_hz"] == pytest.approx(173.0, abs=0.2)
    assert found["impact_prominence_high_db"] > 25
    assert found["impact_kurtosis_high"] > 1
    assert math.isnan(found["impact_shaft_high_db"])  # no shaft in it
    bang = np.zeros(train.size)
    bang[80_000:80_096] = ring
    found = heard(quiet + bang)
    assert abs(found["impact_kurtosis_high"]) < 0.2
    assert math.isnan(found["impact_rate_high_hz"])


def test_swings_have_the_depth_they_were_given() -> None:
    slow = heard(noise(seconds=SECONDS) * (1 + 0.3 * tone(1.5, 1.0)))
    fast = heard(noise(seconds=SECONDS) * (1 + 0.3 * tone(9.0, 1.0)))
    assert slow["modulation_slow_db"] == pytest.approx(20 * math.log10(0.3), abs=0.5)
    assert fast["modulation_fast_db"] == pytest.approx(20 * math.log10(0.3), abs=0.5)
    assert fast["hiss_modulation_db"] == pytest.approx(20 * math.log10(0.3), abs=0.5)
    assert slow["modulation_fast_db"] < -20
    assert fast["modulation_slow_db"] < -20


def test_a_start_is_a_step_and_says_when() -> None:
    sound = machine(60.0, 58.2) * (np.arange(160_000) >= 64_000) + noise(rms=0.002, seconds=SECONDS, seed=1)
    found = heard(sound)
    assert found["hum_step_at_s"] == pytest.approx(4.0, abs=0.15)
    assert found["hum_step_db"] == pytest.approx(found["hum_last_dbfs"] - found["hum_first_dbfs"], abs=3)
    assert found["hum_step_db"] > 20
    assert found["active_share"] == pytest.approx(0.6, abs=0.05)
    steady = heard(machine(60.0, 58.2))
    assert abs(steady["hum_step_db"]) < 1
    assert steady["active_share"] > 0.95
    assert steady["hum_first_dbfs"] == pytest.approx(
        20 * math.log10(0.01 * (1.25 / 2 + 0.1 / 9) ** 0.5), abs=1
    )


def test_levels_over_time_are_quantiles_of_the_bands() -> None:
    sound = noise(rms=0.01, seconds=SECONDS) * (
        1 + 9 * (np.arange(160_000) >= 144_000)
    )  # 20 dB more for a second
    values = v2.extract(sound.astype(np.float32)).astype(np.float64)
    mel = spectra.log_mel(sound.astype(np.float32)).reshape(-1, 64, 2).mean(axis=2)
    np.testing.assert_allclose(values[:64], mel.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(values[64:128], np.quantile(mel, 0.05, axis=0, method="nearest"), atol=1e-3)
    np.testing.assert_allclose(values[128:192], np.quantile(mel, 0.95, axis=0, method="nearest"), atol=1e-3)
    np.testing.assert_allclose(values[192:256], mel.std(axis=0), atol=1e-3)


def test_joined_fragments_and_short_clips_say_what_they_cannot_tell() -> None:
    sound = machine(60.0, 58.2)
    single = {f.name: f.kind for f in v2.names()[256:]}
    for values in (v2.extract(sound, segment_samples=1024), v2.extract(sound[: int(1.5 * RATE_HZ)])):
        found = dict(zip(single, values[256:].tolist(), strict=True))
        assert np.isfinite(values[:256]).all()
        known = {name for name, value in found.items() if not math.isnan(value)}
        assert known == {"rms_dbfs", "hiss_dbfs", "centroid_hz", "rolloff_hz", "flatness_db"}
    whole = v2.extract(sound)
    assert np.isfinite(whole[[f.kind != "line" and "impact_rate" not in f.name for f in v2.names()]]).all()


def test_long_clips_are_heard_in_blocks() -> None:
    thirty = heard(machine(60.0, 58.2, seconds=30.3))
    ten = heard(machine(60.0, 58.2))
    for name in ("mains_hz", "shaft_hz"):
        assert thirty[name] == pytest.approx(ten[name], abs=0.01)
    assert thirty["hum_prominence_db"] == pytest.approx(ten["hum_prominence_db"], abs=2)
    with pytest.raises(DspError, match="600 seconds"):
        v2.extract(np.zeros(601 * RATE_HZ, np.float32))


def test_silence_is_heard_without_a_warning() -> None:
    found = heard(np.zeros(160_000))
    assert found["rms_dbfs"] == spectra.FLOOR_DB
    assert found["hiss_dbfs"] < -100
    assert math.isnan(found["mains_hz"])


def test_the_same_clip_gives_the_same_bits() -> None:
    sound = machine(60.0, 58.2)
    assert v2.extract(sound).tobytes() == v2.extract(sound.copy()).tobytes()
    assert v2.from_log_mel(sound, spectra.log_mel(sound)).tobytes() == v2.extract(sound).tobytes()


@given(
    arrays(np.float32, st.integers(0, 40_000), elements=st.floats(width=32), fill=st.floats(width=32)),
    st.sampled_from([4_000, 8_000, 16_000, 44_100, 192_000]),
)
@settings(max_examples=60, deadline=None)
def test_anything_is_heard_or_refused_by_name(samples: NDArray[np.float32], rate_hz: int) -> None:
    """NaN, infinities, nothing, one sample: a DspError, never a warning; what is heard is finite."""
    try:
        prepared = prepare(sound(samples, rate_hz)).samples
        values = v2.extract(prepared)
    except DspError:
        return
    kinds = np.array([f.kind for f in v2.names()])
    assert np.isfinite(values[np.isin(kinds, ["level", "floor", "peak", "variation", "shape"])]).all()
    assert not np.isinf(values).any()


SQUARE = np.sign(sine(100.5, seconds=SECONDS)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
@pytest.mark.parametrize("channels", [1, 8])
def test_unusual_formats_are_heard_like_any(rate_hz: int, channels: int) -> None:
    clip = sine(1000, amplitude=0.3, seconds=3, rate_hz=rate_hz)
    decoded = decode(encoded(np.stack([clip] * channels, axis=1), "wav", rate_hz=rate_hz), max_duration_s=300)
    assert decoded.channels == channels
    assert assess_quality(decoded).assessable
    found = heard(prepare(decoded).samples)
    assert found["rms_dbfs"] == pytest.approx(20 * math.log10(0.3) - 3.01, abs=0.05)


def test_bad_clips_are_not_assessable_or_refused() -> None:
    for samples, reason in ((np.zeros(160_000), "silent"), (SQUARE, "clipped"), (np.ones(1), "too_short")):
        assert reason in assess_quality(sound(samples)).reasons
    hour = np.broadcast_to(np.float32(0.1), 3600 * RATE_HZ)
    with pytest.raises(DspError, match="600 seconds"):
        v2.extract(hour)
    for bad in (np.nan, np.inf, 1e30):
        with pytest.raises(DspError, match=r"finite|full scale"):
            prepare(sound(np.where(np.arange(32_000) == 5, bad, 0.1)))
    # Loud, periodic, without noise: hard on every floor, and still heard without a warning.
    assert np.isfinite(v2.extract(SQUARE)[:256]).all()


@pytest.mark.parametrize("n", [160_000, 4_096, 32_032, 1_000, 33])
def test_the_long_transform_is_the_transform(n: int) -> None:
    x = np.random.default_rng(n).standard_normal((2, n)).astype(np.float32)
    np.testing.assert_allclose(fourier.rfft(x), np.fft.rfft(x), atol=2e-5 * n**0.5)
    z = (x + 1j * x[:, ::-1]).astype(np.complex64)
    np.testing.assert_allclose(fourier.ifft(z), np.fft.ifft(z), atol=2e-5 / n**0.5)


def test_the_shape_of_noise_is_flat_and_that_of_a_tone_is_where_it_stands() -> None:
    flat = heard(noise(seconds=SECONDS))
    assert flat["centroid_hz"] == pytest.approx(4000, rel=0.05)
    assert flat["rolloff_hz"] == pytest.approx(0.85 * 8000, rel=0.05)
    assert flat["flatness_db"] == pytest.approx(0, abs=1)
    peaked = heard(tone(1000, 0.3) + noise(rms=1e-3, seconds=SECONDS))
    assert peaked["centroid_hz"] == pytest.approx(1000, rel=0.05)
    assert peaked["flatness_db"] < -20
    assert peaked["tonal_share"] > 0.99
