"""A picture of a clip: time to the right, mel frequency upwards, level as colour; the page draws the axes."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from signalcraft.dsp import spectra
from signalcraft.dsp.errors import DspError
from signalcraft.dsp.marks import EDGE_RGB, INK_RGB, Marks, draw
from signalcraft.dsp.sound import Sound

MAX_SIDE_PX = 4096
RANGE_DB = 70.0  # from a machine's loudest tone down into a quiet room
_COLOURS = 256
_STEP_DB = 10.0  # the scale's top moves in such steps, so that pictures of one machine mostly share one scale


@dataclass(frozen=True)
class Scale:
    """What the picture's edges mean. The frequency axis is linear in mel (`spectra.hz_to_mel`)."""

    f_min_hz: float
    f_max_hz: float
    duration_s: float
    min_db: float
    max_db: float


def spectrogram_png(
    sound: Sound,
    *,
    width: int,
    height: int,
    marks: Marks | None = None,
    segment_samples: int | None = None,
) -> bytes:
    """An 8-bit paletted PNG of a prepared sound, width x height pixels, with what `marks` names marked.

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
    last = _COLOURS - 1 - (2 if marks else 0)
    levels = (np.asarray(picture) - min_db) * (last / (max_db - min_db))
    indexed = Image.fromarray(np.clip(levels, 0, last).astype(np.uint8))
    palette = _palette(last + 1).tobytes()
    if marks:
        palette += bytes(EDGE_RGB + INK_RGB)
    indexed.putpalette(palette)
    if marks:
        mel_min, mel_max = spectra.hz_to_mel(np.array([spectra.F_MIN_HZ, spectra.F_MAX_HZ])).tolist()

        def y_of(hz: float) -> float:
            mel_of_hz = spectra.hz_to_mel(np.array([min(max(hz, spectra.F_MIN_HZ), spectra.F_MAX_HZ)]))
            return float((height - 1) * (1 - (mel_of_hz[0] - mel_min) / (mel_max - mel_min)))

        def x_of(seconds: float) -> float:
            return float(width - 1) * min(max(seconds / sound.duration_s, 0.0), 1.0)

        draw(indexed, marks, x_of=x_of, y_of=y_of, edge=last + 1, ink=last + 2)
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


@lru_cache(maxsize=2)
def _palette(count: int) -> NDArray[np.uint8]:
    """uint8 (count, 3), evenly spaced in perceived lightness, from violet-black to pale yellow.

    A path in OKLCh: lightness linear, hue from 285 to 100 degrees by way of red; to sRGB by B. Ottosson's
    OKLab matrices (2020). Colours outside sRGB are clipped, which the moderate chroma keeps rare.
    """
    t = np.linspace(0.0, 1.0, count)
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
