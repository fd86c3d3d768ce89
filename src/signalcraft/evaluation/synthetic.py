"""Presets of the simulator. What they show is synthetic and says little about real machines."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly import runstate
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp import ANALYSIS_RATE_HZ, Sound
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.trials import NORMAL, Dataset, Source, Trial, make
from signalcraft.simulation import KINDS, Kind, VirtualMachine, lasting

PREFIX = "simulator:"
UNSEEN = "simulator:unseen"

SNR_DB = (6.0, 0.0, -6.0)
SNR_DEVIATION_DB = 2.0
FIRST_MACHINE = 700_000  # development uses seeds below 600,000
MACHINES = 8
TRAIN_CLIPS, TEST_CLIPS, CLIPS_PER_FAULT = 60, 48, 5
SEVERITY = (0.1, 1.0)  # of a test clip's fault, drawn evenly: from just begun to grave
CLIP_S = 10.0
APART_S = 1200.0  # so that training and test both span days and nights
BEGINS_S = 12 * 3600.0
TEST_DAYS = 2.0  # over which the faulty clips are spread, beside the healthy ones

READINGS_S = 30.0  # between two readings of the current
CYCLES_OVER_S = 3 * 3600.0
SLOPE_OVER_S, SLOPE_POINTS = 600.0, 6
_BEFORE_S = 300.0  # the machine's clip before this one
_SEARCH_S = 60.0
_DRAW = 3  # stream of random numbers


def dataset(name: str) -> Dataset:
    """Raises EvaluationError for an unknown preset."""
    if name != UNSEEN:
        raise EvaluationError(f"{name}: no such preset; there is {UNSEEN}")
    return Dataset(
        "simulator:unseen (synthetic)",
        f"{MACHINES} virtual machines of as many models, each in a shop of its own, with seeds used nowhere"
        f" else. {TRAIN_CLIPS} healthy clips train, of the running machine with its door closed, some"
        f" {APART_S / 60:.0f} minutes apart. {TEST_CLIPS} healthy ones after them and {CLIPS_PER_FAULT} of"
        f" each of {len(KINDS)} faults from the same days test; the compressor runs, the door is open only"
        f" where that is the fault. A fault's severity is drawn evenly between {SEVERITY[0]:g} (begun) and"
        f" {SEVERITY[1]:g} (grave) and has been there for long. The shop's noise is at the stated"
        f" signal-to-noise ratio of the healthy machine, varying by {SNR_DEVIATION_DB:g} dB clip by clip;"
        " mean over the machines. Short cycling does not change the sound of a run: what tells it is the"
        f" starts an hour, counted from the current every {READINGS_S:g} s, which come with each clip, as do"
        " temperature, current and vibration. The engine counts it as found where these sensors alone tell it"
        " (`diagnose_unheard`), as the server does; the references hear the sound only.",
        _unseen,
        synthetic=True,
    )


def running_times(
    machine: VirtualMachine, *, start_s: float = 0.0, every_s: float = 300.0
) -> Iterator[float]:
    """Every so many seconds at which a clip is nothing but the running machine, without end."""
    at = start_s
    while True:
        if machine.runs_through(at, CLIP_S):
            yield at
        at += every_s


def clip_sound(
    machine: VirtualMachine, at: float, *, snr_db: float | None = None, faulty: bool = True
) -> Sound:
    """snr_db, faulty: see `VirtualMachine.clip`."""
    pcm = machine.clip(at, CLIP_S, snr_db=snr_db, faulty=faulty)
    samples: NDArray[np.float32] = pcm.astype(np.float32) * np.float32(1 / 32768)
    return Sound(samples, ANALYSIS_RATE_HZ, ANALYSIS_RATE_HZ, 1)


def sensors(machine: VirtualMachine, at: float) -> Surroundings:
    """What the machine's sensors say at a clip, and how the temperature has moved."""
    reading = machine.reading(at)
    times = np.linspace(max(at - SLOPE_OVER_S, 0.0), at, SLOPE_POINTS)
    temperatures = np.array([machine.reading(float(t))["temperature_c"] for t in times])
    minutes = (times - times.mean()) / 60
    return Surroundings(
        power_percent=reading["power_percent"],
        temperature_c=reading["temperature_c"],
        temperature_slope_c_per_min=float((minutes * temperatures).sum() / np.square(minutes).sum())
        if at > 0
        else None,
        vibration_g=float(np.sqrt(np.mean(np.square(list(reading["vibration"].values()))))),
        mains_hz=float(machine.mains_hz),
    )


def surroundings(machine: VirtualMachine, at: float) -> Surroundings:
    """The same with the cycles that the current shows, and the state of the clip before."""
    moments = np.arange(max(at - CYCLES_OVER_S, 0.0), at, READINGS_S).tolist()
    cycles = runstate.cycles([(t, "running" if machine.is_running(t) else "off") for t in moments])
    return replace(
        sensors(machine, at),
        starts_per_hour=cycles.starts_per_hour,
        run_s=cycles.mean_run_s,
        duty=cycles.duty,
        previous_state=machine.state(at - _BEFORE_S, CLIP_S) if at >= _BEFORE_S else None,
    )


def _unseen() -> Iterator[Trial]:
    for snr_db in SNR_DB:
        for seed in range(FIRST_MACHINE, FIRST_MACHINE + MACHINES):
            healthy = VirtualMachine(seed)
            times = running_times(healthy, start_s=BEGINS_S, every_s=APART_S)
            train = [_source(healthy, next(times), snr_db) for _ in range(TRAIN_CLIPS)]
            first = next(times)
            test = [
                _source(healthy, at, snr_db) for at in (first, *(next(times) for _ in range(TEST_CLIPS - 1)))
            ]
            draw = np.random.default_rng([seed, _DRAW, round(10 * snr_db) + 1000])
            for kind in KINDS:
                for _ in range(CLIPS_PER_FAULT):
                    begin = first + draw.uniform(0, TEST_DAYS * 86_400)
                    severity = float(draw.uniform(*SEVERITY))
                    machine = VirtualMachine(seed, fault=lasting(kind, severity))
                    test.append(_source(machine, _heard_running(machine, kind, begin), snr_db))
            yield make(f"{snr_db:g} dB", seed - FIRST_MACHINE, train, test)


def _heard_running(machine: VirtualMachine, kind: Kind, begin_s: float) -> float:
    """The first clip from a time on in which the compressor runs with this fault."""
    state = "door_open" if kind == "door_open" else "running"
    at = begin_s
    while not (
        machine.state(at, CLIP_S) == state and machine.is_running(at) and machine.is_running(at + CLIP_S)
    ):
        at += _SEARCH_S
    return at


def _source(machine: VirtualMachine, at: float, snr_db: float) -> Source:
    varied_db = snr_db + float(np.random.default_rng([machine.seed, round(at)]).normal(0, SNR_DEVIATION_DB))
    kind, what = NORMAL, ""
    if machine.fault is not None:
        kind = machine.fault.kind
        what = f"{kind} {machine.fault.severity(at):.2f}, "
    name = f"machine {machine.seed}, {what}{at / 3600:.2f} h"
    load: Callable[[], Sound] = partial(clip_sound, machine, at, snr_db=varied_db)
    return Source(name, name, kind, load, partial(surroundings, machine, at))
