"""A picture of a clip: time to the right, mel frequency upwards, level as colour; the page draws the axes."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from signalcraft.dsp import spectra
from signalcraft.dsp.errors import DspError
from signalcraft.dsp.sound import Sound

MAX_SIDE_PX = 4096
RANGE_DB = 70.0  # from a machine's loudest tone down into a quiet room
_STEP_DB = 10.0  # the scale's top moves in such steps, so that pictures of one machine mostly share one scale


@dataclass(frozen=True)
class Scale:
    """What the picture's edges mean. The frequency axis is linear in mel (`spectra.hz_to_mel`)."""

    f_min_hz: float
    f_max_hz: float
    duration_s: float
    min_db: float
    max_db: float


def spectrogram_png(sound: Sound, *, width: int, height: int, segment_samples: int | None = None) -> bytes:
    """An 8-bit paletted PNG of a prepared sound, width x height pixels.

    segment_samples: see `spectra.frames`. Raises DspError for a sound shorter than one spectrum or a size
    outside 1..MAX_SIDE_PX.
    """
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise DspError(f"a picture of {width} x {height} pixels is not within 1 and {MAX_SIDE_PX} a side")
    mel = spectra.log_mel(sound.samples, segment_samples=segment_samples)
    min_db, max_db = _range_db(mel)
    picture = Image.fromarray(np.ascontiguousarray(mel.T[::-1])).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    levels = (np.asarray(picture) - min_db) * (255 / (max_db - min_db))
    indexed = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    indexed.putpalette(_palette().tobytes())
    file = BytesIO()
    indexed.save(file, "PNG", compress_level=4)
    return file.getvalue()


def spectrogram_scale(sound: Sound, *, segment_samples: int | None = None) -> Scale:
    """The scale of the picture that `spectrogram_png` draws of the same sound."""
    mel = spectra.log_mel(sound.samples, segment_samples=segment_samples)
    min_db, max_db = _range_db(mel)
    return Scale(spectra.F_MIN_HZ, spectra.F_MAX_HZ, sound.duration_s, min_db, max_db)


def _range_db(mel: NDArray[np.float32]) -> tuple[float, float]:
    top = float(np.ceil(mel.max() / _STEP_DB) * _STEP_DB)
    return top - RANGE_DB, top


@lru_cache(maxsize=1)
def _palette() -> NDArray[np.uint8]:
    """256 colours, uint8 (256, 3), evenly spaced in perceived lightness, from violet-black to pale yellow.

    A path in OKLCh: lightness linear, hue from 285 to 100 degrees by way of red; to sRGB by B. Ottosson's
    OKLab matrices (2020). Colours outside sRGB are clipped, which the moderate chroma keeps rare.
    """
    t = np.linspace(0.0, 1.0, 256)
    lightness = 0.10 + 0.86 * t
    chroma = 0.17 * np.sin(np.pi * t) ** 0.75
    hue = np.deg2rad(285.0 + t * (460.0 - 285.0))
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    to_lms = np.array(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((np.stack([lightness, a, b], axis=1) @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: NDArray[np.uint8] = np.rint(encoded * 255).astype(np.uint8)
    return colours
