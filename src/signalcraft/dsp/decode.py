"""Bytes to sound, and sound to the bytes that are stored. Limits hold while decoding, not after."""

from collections.abc import Iterator
from io import BytesIO

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from signalcraft.dsp.containers import Container, identify, is_cut_off
from signalcraft.dsp.errors import AudioDecodeError, DspError
from signalcraft.dsp.sound import MAX_AMPLITUDE, Sound

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
MAX_CHANNELS = 32  # a microphone array at most; bounds the memory of one block
_BLOCK_FRAMES = 65_536

_BY_LIBSNDFILE = ("wav", "flac", "ogg", "mp3")
_FFMPEG_DEMUXERS = {"mp4": "mov", "webm": "matroska", "aac": "aac"}
_FLAC_LEVEL = 0.5  # of 0..1: 3 % smaller than the fastest, and higher levels gain nothing more


def decode(data: bytes, *, max_duration_s: float) -> Sound:
    """Decode WAV, FLAC, OGG, MP3, M4A/AAC or WebM, told apart by content, and mix its channels to mono.

    Raises AudioDecodeError (see there for reasons). Work and memory are bounded by `max_duration_s`, however
    long the sound is or claims to be.
    """
    if not data:
        raise AudioDecodeError("empty", "the file is empty")
    container = identify(data)
    if container is None:
        raise AudioDecodeError("not_sound", "the content is not WAV, FLAC, OGG, MP3, M4A or WebM sound")
    if is_cut_off(data, container):
        raise _truncated()
    if container in _BY_LIBSNDFILE:
        sound = _decode_with_libsndfile(data, max_duration_s)
    else:
        sound = _decode_with_ffmpeg(data, container, max_duration_s)
    if not np.isfinite(sound.samples).all():
        raise AudioDecodeError("not_finite", "the sound contains values that are not finite numbers")
    if np.abs(sound.samples).max() > MAX_AMPLITUDE:
        raise AudioDecodeError("out_of_range", "the sound contains values far beyond full scale")
    return sound


def decode_pcm(data: bytes, *, sample_rate_hz: int, bits_per_sample: int) -> Sound:
    """Raw signed 16-bit little-endian mono, as nodes send it. Raises AudioDecodeError."""
    if bits_per_sample != 16:
        raise AudioDecodeError("unsupported_bits", f"raw sound has 16 bits per sample, not {bits_per_sample}")
    _check_format(sample_rate_hz, 1)
    if not data:
        raise AudioDecodeError("empty", "the sound has no samples")
    if len(data) % 2:
        raise AudioDecodeError("odd_length", "16-bit samples make an even number of bytes")
    samples = np.frombuffer(data, "<i2").astype(np.float32)
    samples *= np.float32(1 / 32768)
    return Sound(samples, sample_rate_hz, sample_rate_hz, 1)


def encode_flac(pcm: bytes, *, sample_rate_hz: int) -> bytes:
    """Raw signed 16-bit little-endian mono PCM as FLAC, decoded again and compared: not one bit may differ.

    Raises AudioDecodeError for sound that `decode_pcm` would refuse, DspError if the round trip is not exact.
    """
    decode_pcm(pcm, sample_rate_hz=sample_rate_hz, bits_per_sample=16)
    samples = np.frombuffer(pcm, "<i2")
    file = BytesIO()
    soundfile.write(
        file, samples, sample_rate_hz, format="FLAC", subtype="PCM_16", compression_level=_FLAC_LEVEL
    )
    back, rate = soundfile.read(BytesIO(file.getvalue()), dtype="int16")
    if rate != sample_rate_hz or not np.array_equal(back, samples):
        raise DspError("the FLAC encoder did not keep the sound bit for bit")
    return file.getvalue()


def _check_format(rate_hz: int, channels: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioDecodeError(
            "unsupported_rate",
            f"a sample rate of {rate_hz} Hz is not between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz",
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioDecodeError(
            "unsupported_channels", f"{channels} channels are not between 1 and {MAX_CHANNELS}"
        )


def _truncated() -> AudioDecodeError:
    return AudioDecodeError("truncated", "the file ends before its sound does")


def _damaged() -> AudioDecodeError:
    """Without the decoder's own words: they speak of our memory and of what it is not ("a pipe?")."""
    return AudioDecodeError("damaged", "the file is damaged or its coding is not known")


def _collect(
    blocks: Iterator[NDArray[np.float32]], *, rate_hz: int, max_duration_s: float
) -> NDArray[np.float32]:
    """Join mono blocks, and stop asking for more as soon as the limit is passed."""
    collected: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        count += block.size
        if count > max_duration_s * rate_hz:
            raise _too_long(max_duration_s)
        collected.append(block)
    if not count:
        raise AudioDecodeError("empty", "the file holds no sound")
    return np.concatenate(collected)


def _too_long(max_duration_s: float) -> AudioDecodeError:
    return AudioDecodeError("too_long", f"the sound is longer than {max_duration_s:g} seconds")


def _decode_with_libsndfile(data: bytes, max_duration_s: float) -> Sound:
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            rate, channels, promised = file.samplerate, file.channels, file.frames
            _check_format(rate, channels)
            if promised > max_duration_s * rate:
                raise _too_long(max_duration_s)
            samples = _collect(_libsndfile_blocks(file), rate_hz=rate, max_duration_s=max_duration_s)
    except (soundfile.SoundFileError, UnicodeDecodeError) as error:
        raise _damaged() from error
    if samples.size < promised:
        raise _truncated()
    return Sound(samples, rate, rate, channels)


def _libsndfile_blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    while True:
        block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
        if not len(block):
            return
        yield block.mean(axis=1)


def _decode_with_ffmpeg(data: bytes, container: Container, max_duration_s: float) -> Sound:
    try:
        with av.open(BytesIO(data), "r", _FFMPEG_DEMUXERS[container], metadata_errors="ignore") as file:
            if not file.streams.audio:
                raise AudioDecodeError("not_sound", "the file has no sound track")
            stream = file.streams.audio[0]
            if stream.codec_context is None:
                raise AudioDecodeError("unsupported_codec", "the sound track's coding is not known")
            rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
            _check_format(rate, channels)
            if file.duration and file.duration / av.time_base > max_duration_s + 1:  # rounded up by encoders
                raise _too_long(max_duration_s)
            samples = _collect(_ffmpeg_blocks(file, stream), rate_hz=rate, max_duration_s=max_duration_s)
    except (av.FFmpegError, ValueError) as error:  # ValueError: the layout changes within the file
        raise _damaged() from error
    return Sound(samples, rate, rate, channels)


def _ffmpeg_blocks(
    file: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[NDArray[np.float32]]:
    # Interleaved, never planar: PyAV 18 reads beyond its list of planes when there are eight or more, and a
    # damaged file that claims 39 channels would kill the process.
    to_float = av.AudioResampler(format="flt")
    rate = stream.codec_context.sample_rate
    for frame in file.decode(stream):
        if frame.sample_rate != rate:
            raise AudioDecodeError("damaged", "the sample rate changes within the file")
        _check_format(rate, frame.layout.nb_channels)
        for converted in to_float.resample(frame):
            interleaved = converted.to_ndarray().reshape(-1, converted.layout.nb_channels)
            yield interleaved.mean(axis=1, dtype=np.float32)
