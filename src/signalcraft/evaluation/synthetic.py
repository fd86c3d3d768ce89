"""Presets of the simulator. What they show is synthetic and says little about real machines."""

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import ANALYSIS_RATE_HZ, Sound
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.measured import mix
from signalcraft.evaluation.trials import NORMAL, Dataset, Source, Trial, make
from signalcraft.simulation import Fault, VirtualMachine
from signalcraft.simulation.sources import looped_noise

PREFIX = "simulator:"
UNSEEN = "simulator:unseen"

SNR_DB = (6.0, 0.0, -6.0)
FIRST_MACHINE = 700_000  # seeds far from those of `signalcraft simulate` and of the tests
MACHINES = 6
TRAIN_CLIPS, TEST_CLIPS = 60, 40
SEVERITY = (0.1, 1.0)  # of a test clip's fault, drawn evenly: from just begun to grave
CLIP_EVERY_S = 300.0

_SHOP_LOOP = 2**18  # 16 s
_SHOP, _PLACE, _LEVEL = range(3)  # streams of random numbers


def dataset(name: str) -> Dataset:
    """Raises EvaluationError for an unknown preset."""
    if name != UNSEEN:
        raise EvaluationError(f"{name}: no such preset; there is {UNSEEN}")
    return Dataset(
        "simulator:unseen (synthetic)",
        f"{MACHINES} virtual machines, each in a shop of its own, with seeds used nowhere else."
        f" {TRAIN_CLIPS} healthy clips train; {TEST_CLIPS} healthy and {TEST_CLIPS} with bearing wear of a"
        " severity between 0.1 and 1, drawn evenly, test. Shop noise is added at the stated signal-to-noise"
        " ratio, which varies by 2 dB (one deviation) from clip to clip; mean over the machines.",
        _unseen,
        synthetic=True,
    )


def running_times(machine: VirtualMachine, *, start_s: float = 0.0) -> Iterator[float]:
    """Every CLIP_EVERY_S at which the compressor runs, without end."""
    at = start_s
    while True:
        if machine.is_running(at):
            yield at
        at += CLIP_EVERY_S


def clip_samples(machine: VirtualMachine, at: float) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = machine.clip(at).astype(np.float32) * np.float32(1 / 32768)
    return samples


def as_sound(samples: NDArray[np.float32]) -> Sound:
    return Sound(samples, ANALYSIS_RATE_HZ, ANALYSIS_RATE_HZ, 1)


@lru_cache(maxsize=4)
def shop_noise(seed: int) -> NDArray[np.float32]:
    """A shop around the machine: float32 (2^18,), three coloured noises that swell at their own pace."""
    rng = np.random.default_rng([seed, _SHOP])
    t = np.arange(_SHOP_LOOP) / _SHOP_LOOP
    noise = np.zeros(_SHOP_LOOP, np.float32)
    for _ in range(3):
        colour = looped_noise(
            rng,
            _SHOP_LOOP,
            level=rng.uniform(0.3, 1.0),
            corner_hz=rng.uniform(150.0, 2000.0),
            slope_db_per_octave=rng.uniform(-9.0, -3.0),
        )
        swells = rng.integers(3, 30)  # in 16 s; a whole number, so that the loop has no seam
        noise += colour * (1 + 0.7 * np.sin(2 * np.pi * (swells * t + rng.random()))).astype(np.float32)
    return noise


def _unseen() -> Iterator[Trial]:
    for snr_db in SNR_DB:
        for seed in range(FIRST_MACHINE, FIRST_MACHINE + MACHINES):
            times = running_times(VirtualMachine(seed))
            draw = np.random.default_rng([seed, round(10 * snr_db) + 1000])
            clip = partial(_source, seed, snr_db)
            yield make(
                f"{snr_db:g} dB",
                seed - FIRST_MACHINE,
                [clip(next(times), 0.0) for _ in range(TRAIN_CLIPS)],
                [clip(next(times), 0.0) for _ in range(TEST_CLIPS)]
                + [clip(next(times), float(draw.uniform(*SEVERITY))) for _ in range(TEST_CLIPS)],
            )


def heard_in_shop(
    machine: VirtualMachine, at: float, noise: NDArray[np.float32], snr_db: float
) -> NDArray[np.float32]:
    """A clip of a machine with shop noise: float32 (n,). The ratio is that of the healthy machine: a louder
    fault does not make the shop louder."""
    sound = clip_samples(machine, at)
    healthy = sound if machine.fault is None else clip_samples(healthy_twin(machine.seed), at)
    start = int(np.random.default_rng([machine.seed, _PLACE, round(at)]).integers(noise.size))
    own_rms = rms(sound)
    mixed = mix(sound, noise, snr_db=snr_db + 20 * np.log10(own_rms / rms(healthy)), start=start)
    return mixed * np.float32(own_rms)


def _source(seed: int, snr_db: float, at: float, severity: float) -> Source:
    def load() -> Sound:
        machine = healthy_twin(seed)
        if severity:
            machine = VirtualMachine(seed, fault=Fault(starts_at=at - severity, grows_over_s=1.0))
        varied_db = snr_db + np.random.default_rng([seed, _LEVEL, round(at)]).normal(0, 2)
        return as_sound(heard_in_shop(machine, at, shop_noise(seed), varied_db))

    name = f"machine {seed}, {at / 3600:.2f} h"
    return Source(name, name, "bearing_wear" if severity else NORMAL, load)


@lru_cache(maxsize=4)
def healthy_twin(seed: int) -> VirtualMachine:
    return VirtualMachine(seed)


def rms(x: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(x, dtype=np.float64).mean()))
