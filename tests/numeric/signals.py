"""Synthetic signals, and where the real recordings are."""

import os
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from signalcraft.dsp import Sound

RATE_HZ = 16_000


def sine(
    hz: float, *, amplitude: float = 0.5, seconds: float = 2.0, rate_hz: int = RATE_HZ
) -> NDArray[np.float32]:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def noise(*, rms: float = 0.1, seconds: float = 2.0, seed: int = 0) -> NDArray[np.float32]:
    return (rms * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def sound(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> Sound:
    return Sound(np.asarray(samples, np.float32), rate_hz, rate_hz, 1)


def encoded(
    samples: NDArray[np.float32], container: str, *, rate_hz: int = RATE_HZ, layout: str = "mono"
) -> bytes:
    """(frames, channels) or (frames,) as a file: wav, flac, ogg, mp3 by libsndfile; m4a, webm by FFmpeg."""
    file = BytesIO()
    if container in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(file, samples, rate_hz, format=container.upper())
        return file.getvalue()
    muxer, codec = {"m4a": ("mp4", "aac"), "webm": ("webm", "libopus")}[container]
    with av.open(file, "w", format=muxer) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate = rate_hz
        to_codec = av.AudioResampler(
            format=stream.format, layout=layout, rate=rate_hz, frame_size=stream.codec_context.frame_size
        )
        for part in [*to_codec.resample(frame), *to_codec.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


def evaluation_folder(name: str) -> Path:
    """A folder of real recordings; skips the test where it is absent."""
    root = os.environ.get("SIGNALCRAFT_EVALUATION_DATA")
    base = Path(root) if root else Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = base / name
    if not folder.is_dir():
        pytest.skip(
            f"the recordings of {name} are not here; SIGNALCRAFT_EVALUATION_DATA can say where they are"
        )
    return folder
