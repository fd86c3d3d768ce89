"""Feature set `hearing-2`: what a clip sounds like in 64 bands, its tones, impacts, swings and course.

Do not edit once results that name it are stored. Write a v3 instead.

Kinds, and when a value is NaN (all others are finite):

- `level`, `floor`, `peak`, `variation`: mean, 5 % quantile (the steady machine under passing noise), 95 %
  quantile and standard deviation over time of each band. Never NaN.
- `line`: tones of the long spectrum. NaN where the clip has no stretch of 2 s without a gap, and where the
  tone was not found: all `hum_...` with `mains_hz`, all `shaft_...` with `shaft_hz`, all `fan_...` with
  `fan_hz`, both `slip_...`.
- `envelope`: NaN without such a stretch; `impact_rate_...` where no rhythm stands out; `impact_shaft_...`
  where the shaft was not found.
- `modulation`: NaN without such a stretch.
- `course`: the `hum_...` and `active_share` NaN without such a stretch, `hum_step_...` for less than 3 s.
- `shape`: never NaN.

Unit dB: relative to a full-scale sine for bands and lines, else a ratio. Unit dBFS: mean square relative to
full scale, as in `dsp.Quality`: a full-scale sine has -3 dBFS.
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import course, envelope, lines, modulation, spectra
from signalcraft.dsp.errors import DspError
from signalcraft.dsp.features.v1 import Feature
from signalcraft.dsp.long_spectrum import LINES_TO_HZ, LongSpectrum, continuous_blocks
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ, checked_peak

NAME = "hearing-2"
N_BANDS = 64
STATISTICS = ("level", "floor", "peak", "variation")
# Of 2, 5, 10, 20, 35 and 50 % it served best, with 2 %, where healthy clips of four machines in noise of 0 to
# -30 dB were to be told from the same clips with a tone, a band, a pitch or an equaliser changed by hand.
FLOOR_QUANTILE = 0.05
HISS_QUANTILE = 0.20
PEAK_QUANTILE = 0.95
MAX_DURATION_S = 600.0  # bounds memory to some 300 MB; a machine is judged by ten seconds
IMPACT_BANDS = {"low": (500.0, 1500.0), "mid": (1500.0, 3500.0), "high": (3500.0, 7500.0)}
# Bearings ring their seats above 1.5 kHz, and roll out of step with the shaft. Pistons beat in step with it,
# in every band and far louder: there only other rhythms are looked for, in the low band all.
OUT_OF_STEP = ("mid", "high")
HISS_HZ = (2000.0, 8000.0)
ROLLOFF_SHARE = 0.85
_MELS_PER_BAND = spectra.N_MELS // N_BANDS
_HANN_NOISE_BANDWIDTH = 1.5  # by which bands of short spectra sum to more than the sound's power
_FLOOR_POWER = 10 ** (spectra.FLOOR_DB / 10)

_LINE_NAMES = (
    ("mains_hz", "Hz", 49.7, 60.3),
    *((f"hum_{order}_db", "dB", order * 49.7, order * 60.3) for order in lines.HUM_LEVEL_ORDERS),
    ("hum_prominence_db", "dB", 2 * 49.7, 2 * 60.3),
    ("slip_hz", "Hz", 0.8, 10.2),
    ("slip_sideband_db", "dB", 2 * 49.7, 2 * 60.3),
    ("shaft_hz", "Hz", 22.8, 60.0),
    ("shaft_half_db", "dB", 11.0, 30.0),
    *((f"shaft_{order}_db", "dB", order * 23.0, order * 60.0) for order in lines.SHAFT_ORDERS),
    ("shaft_1_prominence_db", "dB", 23.0, 60.0),
    ("fan_hz", "Hz", *lines.FAN_RANGE_HZ),
    ("fan_db", "dB", lines.FAN_RANGE_HZ[0], lines.FAN_ORDERS_TO_HZ),
    ("fan_prominence_db", "dB", lines.FAN_RANGE_HZ[0], lines.FAN_ORDERS_TO_HZ),
    ("tonal_share", "", 40.0, LINES_TO_HZ),
)
_ENVELOPE_NAMES = tuple(
    (name.format(band=band), unit, low, high)
    for band, (low, high) in IMPACT_BANDS.items()
    for name, unit in (
        ("impact_kurtosis_{band}", ""),
        ("impact_rate_{band}_hz", "Hz"),
        ("impact_prominence_{band}_db", "dB"),
        ("impact_shaft_{band}_db", "dB"),
    )
)
_MODULATION_NAMES = (
    ("modulation_slow_db", "dB", spectra.F_MIN_HZ, spectra.F_MAX_HZ),
    ("modulation_fast_db", "dB", spectra.F_MIN_HZ, spectra.F_MAX_HZ),
    ("hiss_modulation_db", "dB", *IMPACT_BANDS["high"]),
)
_COURSE_NAMES = (
    ("rms_dbfs", "dBFS", 0.0, spectra.F_MAX_HZ),
    ("hum_first_dbfs", "dBFS", 80.0, 400.0),
    ("hum_last_dbfs", "dBFS", 80.0, 400.0),
    ("hum_step_db", "dB", 80.0, 400.0),
    ("hum_step_at_s", "s", 80.0, 400.0),
    ("hiss_dbfs", "dBFS", *HISS_HZ),
    ("active_share", "", 80.0, 400.0),
)
_SHAPE_NAMES = tuple(
    (name, unit, spectra.F_MIN_HZ, spectra.F_MAX_HZ)
    for name, unit in (("centroid_hz", "Hz"), ("rolloff_hz", "Hz"), ("flatness_db", "dB"))
)
_SINGLE_VALUES = {
    "line": _LINE_NAMES,
    "envelope": _ENVELOPE_NAMES,
    "modulation": _MODULATION_NAMES,
    "course": _COURSE_NAMES,
    "shape": _SHAPE_NAMES,
}


@lru_cache(maxsize=1)
def names() -> tuple[Feature, ...]:
    """The values in their order."""
    borders = _band_borders_hz().round(1).tolist()
    bands = [
        Feature(f"{kind}_{low:.0f}_{high:.0f}_hz", "dB", kind, low, high)
        for kind in STATISTICS
        for low, high in pairwise(borders)
    ]
    singles = [
        Feature(name, unit, kind, low, high)
        for kind, values in _SINGLE_VALUES.items()
        for name, unit, low, high in values
    ]
    return (*bands, *singles)


def extract(samples: NDArray[np.float32], *, segment_samples: int | None = None) -> NDArray[np.float32]:
    """All values of `names()`.

    samples: float32 (n,) at 16 kHz without mean (`dsp.prepare`), n >= 1024, at most MAX_DURATION_S.
    segment_samples: see `spectra.frames`.
    Returns float32 (p,), NaN where the module says so. Raises DspError if the clip is shorter than one frame,
    too long, or `sound.checked_peak` refuses it.
    """
    _check(samples)
    log_mel = spectra.log_mel(samples, segment_samples=segment_samples)
    return _values(samples, log_mel, segment_samples)


def from_log_mel(
    samples: NDArray[np.float32], log_mel: NDArray[np.float32], *, segment_samples: int | None = None
) -> NDArray[np.float32]:
    """The same where the log-mel spectrogram, float32 (frames, N_MELS), is needed elsewhere too."""
    _check(samples)
    return _values(samples, log_mel, segment_samples)


def _values(
    samples: NDArray[np.float32], log_mel: NDArray[np.float32], segment_samples: int | None
) -> NDArray[np.float32]:
    bands = (log_mel[:, ::2] + log_mel[:, 1::2]) * np.float32(0.5)  # N_BANDS pairs of the N_MELS
    level, floor, peak, variation = _over_time(bands)
    blocks = continuous_blocks(samples, segment_samples=segment_samples)
    singles = _of_one_piece(blocks) if blocks is not None else {}
    singles["rms_dbfs"] = _db(float(np.einsum("i,i->", samples, samples)) / samples.size)
    singles["hiss_dbfs"] = _hiss_dbfs(log_mel)
    singles.update(_shape(level.astype(np.float64)))
    rest = names()[len(STATISTICS) * N_BANDS :]
    tail = [singles.get(feature.name, math.nan) for feature in rest]
    return np.concatenate([level, floor, peak, variation, tail]).astype(np.float32)


def _check(samples: NDArray[np.float32]) -> None:
    if samples.size > MAX_DURATION_S * ANALYSIS_RATE_HZ:
        raise DspError(
            f"a clip has at most {MAX_DURATION_S:g} seconds, not {samples.size / ANALYSIS_RATE_HZ:.0f}"
        )
    checked_peak(samples)


@lru_cache(maxsize=1)
def _band_borders_hz() -> NDArray[np.float64]:
    """Where the triangles of two neighbouring bands cross, half a step between their peaks, one ends."""
    low_mel, high_mel = spectra.hz_to_mel(np.array([spectra.F_MIN_HZ, spectra.F_MAX_HZ]))
    half_steps = np.linspace(float(low_mel), float(high_mel), 2 * spectra.N_MELS + 3)
    return spectra.mel_to_hz(half_steps[1:-1:2])[::_MELS_PER_BAND]


def _over_time(bands: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Level, floor, peak and variation of each band, float32 (N_BANDS,). bands: float32 (frames, N_BANDS)."""
    by_band = np.ascontiguousarray(bands.T)
    low, high = round(FLOOR_QUANTILE * (len(bands) - 1)), round(PEAK_QUANTILE * (len(bands) - 1))
    ordered = np.sort(by_band, axis=1)
    level = by_band.mean(axis=1)
    variation = np.sqrt(np.square(by_band - level[:, None]).mean(axis=1))
    return level, ordered[:, low], ordered[:, high], variation


def _of_one_piece(blocks: NDArray[np.float32]) -> dict[str, float]:
    """The values that need a stretch of sound without a gap."""
    spectrum = LongSpectrum(blocks)
    likely_hz = lines.likely_mains_hz(spectrum)
    found = _lines(spectrum, likely_hz)
    found.update(_impacts_and_modulation(spectrum, blocks, found["mains_hz"], found["shaft_hz"]))
    tones_db, rate_hz = course.tones_db(spectrum, likely_hz)
    found["hum_first_dbfs"], found["hum_last_dbfs"] = course.edges_db(tones_db, rate_hz)
    step = course.largest_step(tones_db, rate_hz)
    found["hum_step_db"], found["hum_step_at_s"] = step.db, step.at_s
    found["active_share"] = course.active_share(tones_db)
    return found


def _lines(spectrum: LongSpectrum, likely_hz: float) -> dict[str, float]:
    hum = lines.find_hum(spectrum, likely_hz)
    shaft = lines.find_shaft(spectrum, hum)
    slip = lines.find_slip(spectrum, hum, shaft)
    fan = lines.find_fan(spectrum, hum, shaft)
    return {
        "mains_hz": hum.mains_hz,
        **{
            f"hum_{order}_db": _db(power)
            for order, power in zip(lines.HUM_LEVEL_ORDERS, hum.powers, strict=True)
        },
        "hum_prominence_db": _db(hum.prominence),
        "slip_hz": slip.hz,
        "slip_sideband_db": _db(slip.side_band),
        "shaft_hz": shaft.hz,
        "shaft_half_db": _db(shaft.half_power),
        **{
            f"shaft_{order}_db": _db(power)
            for order, power in zip(lines.SHAFT_ORDERS, shaft.powers, strict=True)
        },
        "shaft_1_prominence_db": _db(shaft.prominence),
        "fan_hz": fan.hz,
        "fan_db": _db(fan.power),
        "fan_prominence_db": _db(fan.prominence),
        "tonal_share": lines.tonal_share(spectrum),
    }


def _impacts_and_modulation(
    spectrum: LongSpectrum, blocks: NDArray[np.float32], mains_hz: float, shaft_hz: float
) -> dict[str, float]:
    found = {}
    own = tuple(hz for hz in (shaft_hz / 2, mains_hz) if not math.isnan(hz))
    heard = envelope.band_envelopes(spectrum, list(IMPACT_BANDS.values()))
    thinned = [one.thinned(envelope.RHYTHM_RATE_HZ) for one in heard]
    for band, whole, rhythm in zip(IMPACT_BANDS, heard, envelope.rhythms(thinned), strict=True):
        rate_hz, prominence = rhythm.strongest(out_of_step_with_hz=own if band in OUT_OF_STEP else ())
        found[f"impact_kurtosis_{band}"] = envelope.kurtosis(whole)
        found[f"impact_rate_{band}_hz"] = rate_hz if prominence >= envelope.FOUND_PROMINENCE else math.nan
        found[f"impact_prominence_{band}_db"] = _db(prominence)
        found[f"impact_shaft_{band}_db"] = math.nan if math.isnan(shaft_hz) else _db(rhythm.at(shaft_hz))
    found["modulation_slow_db"], found["modulation_fast_db"] = modulation.depths_db(
        modulation.loudness(blocks), modulation.RATE_HZ, (modulation.SLOW_HZ, modulation.FAST_HZ)
    )
    hiss = thinned[-1].thinned(modulation.ANY_HZ[1] * 10)  # the high band
    (found["hiss_modulation_db"],) = modulation.depths_db(hiss.values, hiss.rate_hz, (modulation.ANY_HZ,))
    return found


def _hiss_dbfs(log_mel: NDArray[np.float32]) -> float:
    """HISS_QUANTILE over time of the level (root mean square) within HISS_HZ, dBFS."""
    first = int(np.searchsorted(spectra.mel_edges_hz()[1:-1], HISS_HZ[0]))
    power = np.exp(log_mel[:, first:] * np.float32(math.log(10) / 10)).sum(axis=1)
    place = round(HISS_QUANTILE * (len(power) - 1))
    return _db(float(np.sort(power)[place]) / (2 * _HANN_NOISE_BANDWIDTH))


def _shape(level: NDArray[np.float64]) -> dict[str, float]:
    """Centre, roll-off and flatness of the mean spectrum. level: float64 (N_BANDS,), dB."""
    borders = _band_borders_hz()
    width_db = 10 * np.log10(np.diff(borders))
    power = 10 ** (level / 10)
    below = np.cumsum(power)
    total = float(below[-1])
    density = float((power / np.diff(borders)).mean())
    return {
        "centroid_hz": float((power * (borders[:-1] + borders[1:])).sum()) / (2 * total),
        "rolloff_hz": float(np.interp(ROLLOFF_SHARE * total, below, borders[1:])),
        "flatness_db": float((level - width_db).mean()) - 10 * math.log10(density),
    }


def _db(power: float) -> float:
    """10 log10, not below FLOOR_DB; NaN stays NaN."""
    return power if math.isnan(power) else 10 * math.log10(max(power, _FLOOR_POWER))
