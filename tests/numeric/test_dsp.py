from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from signalcraft.anomaly import sentences
from signalcraft.dsp import DspError, assess_quality, overload, prepare, quality, spectra
from signalcraft.dsp.features import v1
from signalcraft.dsp.marks import INK_RGB, Marks
from signalcraft.dsp.sound import MAX_AMPLITUDE
from signalcraft.dsp.spectrogram import spectrogram_png, spectrogram_scale

from .signals import noise, sine, sound

SQUARE = np.sign(sine(100) + np.float32(1e-9))


@pytest.mark.parametrize(
    ("samples", "reasons"),
    [
        (np.zeros(0), ("too_short", "silent")),
        (np.ones(1), ("too_short", "silent")),
        (np.zeros(32_000), ("silent",)),
        (np.full(32_000, 0.5), ("silent",)),  # a constant is no sound
        (noise(rms=0.5e-4), ("silent",)),  # -86 dBFS
        (noise(rms=2e-4), ()),  # -74 dBFS
        (noise(seconds=0.9), ("too_short",)),
        (SQUARE, ("clipped",)),
        (np.clip(3 * sine(100), -1, 1), ("clipped",)),
        (sine(70, amplitude=1.0), ()),  # loud is not clipped
        (np.clip(noise(rms=0.3), -1, 1), ()),  # clipped at 3.3 sigma: 0.1 % of the time
        (np.where(np.arange(32_000) % 3200 < 400, 0, noise()), ("dropouts",)),  # 25 ms in 200 are lost
        (np.where(np.arange(32_000) < 200, 0, noise()), ()),  # 12 ms once
        (sine(60, amplitude=0.1) + noise(rms=2e-4), ("hum",)),
        (sine(50.2, amplitude=0.01) + sine(150.6, amplitude=0.02) + sine(100.4, amplitude=0.003), ("hum",)),
        (sine(60, amplitude=0.1) + noise(rms=2e-3), ()),  # 31 dB below the hum there is something
        (sine(120, amplitude=0.1) + sine(240, amplitude=0.03) + noise(rms=2e-4), ()),  # a motor
        (sine(60, amplitude=0.003) + noise(rms=5e-5), ("hum",)),  # silent but for the hum
    ],
)
def test_quality(samples: NDArray[np.float32], reasons: tuple[str, ...]) -> None:
    result = assess_quality(sound(samples))
    assert result.reasons == reasons
    assert result.assessable == (not reasons)
    assert set(reasons) <= set(sentences.REASONS)


def test_levels_are_relative_to_full_scale() -> None:
    result = assess_quality(sound(sine(100, amplitude=0.1)))
    assert result.rms_dbfs == pytest.approx(-23.01, abs=0.01)  # -20 dB, and 3.01 dB for a sine
    assert result.peak_dbfs == pytest.approx(-20.0, abs=0.01)
    assert assess_quality(sound(np.zeros(32_000))).rms_dbfs == quality.FLOOR_DBFS


@given(arrays(np.float32, st.integers(0, 3000), elements=st.floats(width=32)))
def test_quality_of_anything_is_finite_or_a_named_error(samples: NDArray[np.float32]) -> None:
    if not (np.abs(samples) <= MAX_AMPLITUDE).all():
        with pytest.raises(DspError, match=r"finite|full scale"):
            assess_quality(sound(samples))
        return
    result = assess_quality(sound(samples))
    assert np.isfinite([result.rms_dbfs, result.peak_dbfs, result.clipped_fraction]).all()


def test_a_full_scale_sine_on_a_bin_has_power_one_there() -> None:
    power = spectra.power(sine(1000, amplitude=1.0))  # bin 64 exactly
    assert power.dtype == np.float32
    np.testing.assert_allclose(power[:, 64], 1.0, rtol=1e-4)
    np.testing.assert_allclose(
        power[:, 63], 0.25, rtol=1e-4
    )  # the Hann window's neighbours: half the amplitude
    assert power[:, 67:].max() < 1e-6


def test_white_noise_is_flat_at_the_level_theory_gives() -> None:
    # E|X|^2 = sigma^2 sum(w^2) = sigma^2 * 384; a full-scale sine has (sum(w) / 2)^2 = 65536.
    power = spectra.power(noise(rms=0.1, seconds=30)).mean(axis=0)
    np.testing.assert_allclose(power[4:-4], 0.01 * 384 / 65536, rtol=0.3)
    assert power[4:-4].mean() == pytest.approx(0.01 * 384 / 65536, rel=0.01)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    for feature in v1.names()[: v1.N_BANDS : 5]:
        values = v1.extract(sine((feature.low_hz * feature.high_hz) ** 0.5))
        loudest = v1.names()[int(values[: v1.N_BANDS].argmax())]
        assert loudest == feature


def test_features_of_a_steady_tone_do_not_vary_and_levels_follow_the_amplitude() -> None:
    tone = v1.extract(sine(1000))
    assert tone[32:].max() < 0.01
    assert tone.dtype == np.float32
    assert len(v1.names()) == len(set(v1.names())) == tone.size == 64
    # Where noise keeps all bands off the floor, ten times the amplitude is 20 dB more in each.
    ten_times = v1.extract(noise(rms=0.1)) - v1.extract(noise(rms=0.01))
    np.testing.assert_allclose(ten_times, np.repeat([20.0, 0.0], 32), atol=1e-3)


def test_silence_reads_as_the_floor() -> None:
    values = v1.extract(np.zeros(16_000, np.float32))
    np.testing.assert_allclose(values, np.repeat([spectra.FLOOR_DB, 0.0], 32), atol=1e-4)


def test_frames_never_straddle_a_joint_between_fragments() -> None:
    # Fragments of alternating sign: every frame across a joint would hear the step, none within does.
    joined = np.repeat(np.float32([0.5, -0.5] * 8), 1024)
    frames = spectra.frames(joined, segment_samples=1024)
    assert frames.shape == (16, 1024)
    assert (np.ptp(frames, axis=1) == 0).all()
    assert np.ptp(spectra.frames(joined), axis=1).max() == 1
    assert spectra.frames(joined, segment_samples=4096).shape == (4 * 7, 1024)


def test_too_short_for_a_spectrum_is_a_named_error() -> None:
    with pytest.raises(DspError, match="1024"):
        v1.extract(np.zeros(1023, np.float32))
    with pytest.raises(DspError, match="no samples"):
        prepare(sound(np.zeros(0)))


def test_overload_rule() -> None:
    # A sine of 1500 Hz: all in the band, 2 * 1500 / 16000 crossings a sample, the centroid there.
    result = overload.analyse(sine(1500))
    assert result.overload_ratio == pytest.approx(1.0, abs=0.01)
    assert result.zero_crossing_rate == pytest.approx(0.1875, abs=0.001)
    assert result.spectral_centroid_hz == pytest.approx(1500, rel=0.01)
    assert result.spectral_rolloff_hz == pytest.approx(1500, abs=16)
    assert result.overload
    # .3 min(2r, 1) + .3 min(10z, 1) + .2 * 1500/2000 + .2 * 1500/4000
    assert result.confidence == pytest.approx(0.3 + 0.3 + 0.15 + 0.075, abs=0.005)
    hum = overload.analyse(sine(120))
    assert not hum.overload
    assert hum.overload_ratio < 0.01
    assert hum.confidence == pytest.approx(1.0, abs=0.02)
    with pytest.raises(DspError, match="silent"):
        overload.analyse(np.zeros(16_000, np.float32))


def test_band_pass_is_half_power_per_pass_at_its_edges() -> None:
    for edge_hz in overload.PASS_BAND_HZ:
        rms = np.sqrt(np.mean(overload._band_pass(sine(edge_hz, seconds=4))[8000:-8000] ** 2))
        assert rms == pytest.approx(0.5 * 0.5 / np.sqrt(2), rel=0.01)  # two passes: half the amplitude


def test_spectrogram_shows_a_tone_at_its_height() -> None:
    clip = sound(sine(2000, amplitude=0.3) + noise(rms=1e-3))
    picture = Image.open(BytesIO(spectrogram_png(clip, width=300, height=200)))
    assert (picture.size, picture.mode) == ((300, 200), "P")
    rows = np.asarray(picture).mean(axis=1)
    scale = spectrogram_scale(clip)
    mel = spectra.hz_to_mel(np.array([scale.f_min_hz, 2000.0, scale.f_max_hz]))
    expected = 200 * (1 - (mel[1] - mel[0]) / (mel[2] - mel[0]))
    assert rows.argmax() == pytest.approx(expected, abs=3)
    assert (scale.max_db, scale.min_db, scale.duration_s) == (-10.0, -80.0, 2.0)
    with pytest.raises(DspError, match="pixels"):
        spectrogram_png(clip, width=0, height=200)


def test_marks_stand_where_they_belong_and_only_when_asked_for() -> None:
    clip = sound(noise(rms=0.01, seconds=10))

    def ink(marks: Marks | None) -> NDArray[np.bool_]:
        png = spectrogram_png(clip, width=400, height=200, marks=marks)
        colours = np.asarray(Image.open(BytesIO(png)).convert("RGB"))
        return np.asarray((colours == INK_RGB).all(axis=2))

    def row(hz: float) -> float:
        low, at, high = spectra.hz_to_mel(np.array([spectra.F_MIN_HZ, hz, spectra.F_MAX_HZ]))
        return float(199 * (1 - (at - low) / (high - low)))

    assert not ink(None).any()
    assert not ink(Marks()).any()
    band = np.flatnonzero(ink(Marks(bands=((1000.0, 2000.0),))).mean(axis=1) > 0.9)
    assert (band.min(), band.max()) == pytest.approx((row(2000), row(1000)), abs=1)
    tone = ink(Marks(lines=(3000.0,)))
    assert np.flatnonzero(tone[:, 0]).mean() == pytest.approx(row(3000), abs=1)
    moment = np.flatnonzero(ink(Marks(moments=((2.0, 5.0),)))[0])
    assert (moment.min(), moment.max()) == pytest.approx((80, 200), abs=2)
    # A tone below the picture, a moment that began before it: at its edge, not outside it.
    assert ink(Marks(lines=(10.0,), moments=((-3.0, 99.0),))).any()
