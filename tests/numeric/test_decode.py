import contextlib
import struct
import zlib

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from signalcraft.dsp import AudioDecodeError, Sound, decode, decode_pcm, encode_flac, prepare
from signalcraft.dsp.sound import resample

from .signals import RATE_HZ, encoded, noise, sine

CONTAINERS = ("wav", "flac", "ogg", "mp3", "m4a", "webm")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {c: encoded(sine(440, rate_hz=48_000), c, rate_hz=48_000) for c in CONTAINERS}


def reason_of(data: bytes, max_duration_s: float = 60) -> str:
    with pytest.raises(AudioDecodeError) as caught:
        decode(data, max_duration_s=max_duration_s)
    return caught.value.reason


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_back_the_tone(files: dict[str, bytes], container: str) -> None:
    decoded = decode(files[container], max_duration_s=60)
    assert (decoded.sample_rate_hz, decoded.source_rate_hz, decoded.channels) == (48_000, 48_000, 1)
    assert decoded.duration_s == pytest.approx(2.0, abs=0.08)  # lossy codecs pad by a frame or two
    prepared = prepare(decoded)
    middle = prepared.samples[8000:24000]
    assert prepared.sample_rate_hz == RATE_HZ
    assert np.abs(np.fft.rfft(middle)).argmax() == 440  # one second: bins of 1 Hz
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)  # LAME writes 3 % less


@pytest.mark.parametrize("container", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_a_file_cut_in_the_middle_is_refused(files: dict[str, bytes], container: str) -> None:
    data = files[container]
    assert reason_of(data[: len(data) * 2 // 3]) in ("truncated", "damaged")


def test_webm_that_states_its_length_is_refused_when_cut(files: dict[str, bytes]) -> None:
    assert reason_of(files["webm"][:-100]) == "truncated"


@pytest.mark.parametrize("container", CONTAINERS)
def test_too_long_is_refused(files: dict[str, bytes], container: str) -> None:
    assert reason_of(files[container], max_duration_s=0.5) == "too_long"


def test_two_hours_that_fit_in_a_small_file_are_refused_unread() -> None:
    two_hours = encoded(np.zeros(7200 * 4000, np.float32), "flac", rate_hz=4000)
    assert len(two_hours) < 200_000
    assert reason_of(two_hours) == "too_long"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"Dear Sir or Madam, this is not sound.", "not_sound"),
        (b"PK\x03\x04" + bytes(100), "not_sound"),
        (b"\x89PNG\r\n\x1a\n" + zlib.compress(bytes(1000)), "not_sound"),
        (b"RIFF\x24\0\0\0WAVE", "damaged"),
    ],
)
def test_what_is_not_sound_is_refused(data: bytes, reason: str) -> None:
    assert reason_of(data) == reason


def wav(
    *, rate_hz: int = RATE_HZ, channels: int = 1, frames: int = 100, fmt: int = 1, bits: int = 16
) -> bytes:
    size = frames * channels * bits // 8
    align = channels * bits // 8
    head = struct.pack("<HHIIHH", fmt, channels, rate_hz, rate_hz * align, align, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt \x10\0\0\0"
        + head
        + b"data"
        + struct.pack("<I", size)
    )


def test_absurd_wav_headers_are_refused() -> None:
    assert reason_of(wav(channels=0)) == "damaged"
    assert reason_of(wav(rate_hz=1000) + bytes(200)) == "unsupported_rate"
    assert reason_of(wav(rate_hz=384_000) + bytes(200)) == "unsupported_rate"
    assert reason_of(wav(channels=64) + bytes(12800)) == "unsupported_channels"
    assert reason_of(wav(frames=0)) == "empty"
    assert reason_of(wav(frames=100) + bytes(198)) == "truncated"


def test_a_wav_of_floats_that_are_not_numbers_is_refused() -> None:
    data = wav(fmt=3, bits=32, frames=4) + struct.pack("<4f", 0.0, float("nan"), float("inf"), 0.0)
    assert reason_of(data) == "not_finite"


def test_eight_channels_are_mixed_by_their_mean() -> None:
    frames = np.arange(800, dtype="<i2").reshape(100, 8)
    decoded = decode(wav(channels=8) + frames.tobytes(), max_duration_s=1)
    assert decoded.channels == 8
    np.testing.assert_allclose(decoded.samples, frames.mean(axis=1) / 32768, atol=1e-7)


def test_eight_channels_through_ffmpeg() -> None:
    # Eight planes once killed the process: PyAV looks for the end of their list beyond it.
    surround = np.repeat(sine(440, rate_hz=48_000)[:, None], 8, axis=1)
    decoded = decode(encoded(surround, "m4a", rate_hz=48_000, layout="7.1"), max_duration_s=60)
    assert decoded.channels == 8
    assert decoded.duration_s == pytest.approx(2.0, abs=0.08)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_random_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(AudioDecodeError):
        assert isinstance(decode(data, max_duration_s=1), Sound)


@pytest.mark.parametrize("container", CONTAINERS)
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_damaged_files_decode_or_are_refused(
    files: dict[str, bytes], container: str, seed: int, flips: int
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(files[container])
    reach = rng.choice([64, 512, len(data)])  # headers matter most
    for position in rng.integers(0, min(reach, len(data)), flips):
        data[position] = rng.integers(256)
    with contextlib.suppress(AudioDecodeError):
        decoded = decode(bytes(data), max_duration_s=10)
        assert np.isfinite(decoded.samples).all()
        assert decoded.duration_s <= 10


def test_pcm_is_scaled_by_two_to_the_fifteenth() -> None:
    decoded = decode_pcm(struct.pack("<3h", -32768, 0, 16384), sample_rate_hz=RATE_HZ, bits_per_sample=16)
    assert decoded.samples.tolist() == [-1.0, 0.0, 0.5]
    assert decoded.samples.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "rate_hz", "bits", "reason"),
    [
        (b"", 16_000, 16, "empty"),
        (b"abc", 16_000, 16, "odd_length"),
        (b"ab", 3_999, 16, "unsupported_rate"),
        (b"ab", 192_001, 16, "unsupported_rate"),
        (b"ab", 16_000, 24, "unsupported_bits"),
    ],
)
def test_pcm_that_cannot_be_is_refused(data: bytes, rate_hz: int, bits: int, reason: str) -> None:
    with pytest.raises(AudioDecodeError) as caught:
        decode_pcm(data, sample_rate_hz=rate_hz, bits_per_sample=bits)
    assert caught.value.reason == reason


@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=3000),
    rate_hz=st.sampled_from([4000, 8000, 10_000, 16_000, 44_100, 192_000]),
)
@settings(max_examples=50, deadline=None)
def test_flac_keeps_every_bit(samples: list[int], rate_hz: int) -> None:
    pcm = np.array(samples, "<i2").tobytes()
    decoded = decode(encode_flac(pcm, sample_rate_hz=rate_hz), max_duration_s=10)
    assert decoded.sample_rate_hz == rate_hz
    assert (decoded.samples * 32768).astype("<i2").tobytes() == pcm


@pytest.mark.parametrize(("up", "down"), [(1, 3), (160, 441), (2, 1), (8, 5), (1, 12), (640, 441)])
def test_resampling_equals_scipys_polyphase_filter(up: int, down: int) -> None:
    samples = noise(seconds=0.3)
    ours = resample(samples, up=up, down=down)
    np.testing.assert_allclose(ours, scipy.signal.resample_poly(samples, up, down), atol=1e-6)


@given(n=st.integers(1, 60), up=st.integers(1, 12), down=st.integers(1, 12))
def test_resampling_any_length(n: int, up: int, down: int) -> None:
    samples = noise(seconds=1)[:n]
    ours = resample(samples, up=up, down=down)
    np.testing.assert_allclose(ours, scipy.signal.resample_poly(samples, up, down), atol=1e-6)


def test_preparing_removes_the_mean_and_keeps_the_pitch() -> None:
    eleven = Sound(sine(1000, rate_hz=11_025) + np.float32(0.2), 11_025, 11_025, 1)
    prepared = prepare(eleven)
    assert abs(float(prepared.samples.mean())) < 1e-3
    assert prepared.duration_s == pytest.approx(2.0, abs=1e-3)
    assert np.abs(np.fft.rfft(prepared.samples[8000:24000])).argmax() == 1000
