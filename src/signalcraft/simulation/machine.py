"""A refrigeration machine in a shop, as a node next to its compressor would hear and measure it.

The sound follows the physics (see `character`, `course`, `mixing`, `fault_sounds`, `shop`, `microphone`); the
levels are plausible, not measured. The same seed and time give the same clip and reading, in whatever order
they are asked for.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from signalcraft.simulation.character import character
from signalcraft.simulation.course import course
from signalcraft.simulation.cycle import Span, State, Timeline, is_open
from signalcraft.simulation.faults import HEALTHY, Fault
from signalcraft.simulation.microphone import recorded
from signalcraft.simulation.mixing import MACHINE_RMS, machine_sound, shop_sound
from signalcraft.simulation.sensors import Reading, reading
from signalcraft.simulation.shop import Shop, shop
from signalcraft.simulation.sources import SAMPLE_RATE_HZ, gain

__all__ = ["SAMPLE_RATE_HZ", "Fault", "Reading", "State", "VirtualMachine"]

# Streams of random numbers derived from one seed; the numbers only have to differ.
_CLIP, _SHOP, _READING, _FAULT = 40, 41, 42, 43


class VirtualMachine:
    """One machine with its shop. Times are seconds on the machine's own clock, not negative; 0 is midnight.

    fault: what grows in it. model: machines with the same number share geometry, orders, blades and
    resonances (within tolerances); None is a model of its own. mains_hz: of the region, 50 or 60.
    """

    def __init__(
        self,
        seed: int,
        *,
        fault: Fault | None = None,
        model: int | None = None,
        mains_hz: int = 60,
    ) -> None:
        self.seed = seed
        self.fault = fault
        self.mains_hz = mains_hz
        self._character = character(seed, model, float(mains_hz))
        self._timeline = Timeline(seed, self._character.habits, fault)

    def state(self, at: float, duration_s: float = 0.0) -> State:
        """What the machine does at a moment; or, with a duration, what a clip from then on is called: a start
        or stop within it counts first."""
        return self._timeline.state(at, duration_s)

    def is_running(self, at: float) -> bool:
        """Whether the compressor runs."""
        return self._timeline.run(at) is not None

    def runs_through(self, at: float, duration_s: float = 10.0) -> bool:
        """Whether a clip is nothing but the running machine, past its start, with the door closed."""
        return self.state(at, duration_s) == "running" and self.is_running(at + duration_s)

    def clip(
        self, at: float, duration_s: float = 10.0, *, snr_db: float | None = None, faulty: bool = True
    ) -> NDArray[np.int16]:
        """The sound from time `at`, in whatever state: int16, shape (duration_s * SAMPLE_RATE_HZ,).

        snr_db: how far the shop's noise is below the healthy running machine; None as the time of day has it,
        with what passes (see `shop`). faulty: False leaves the fault out of the sound, though it has changed
        when the machine runs: the same moment as it would sound without.
        """
        rng = self._rng(_CLIP, at)
        n = round(duration_s * SAMPLE_RATE_HZ)
        does = self._timeline.effect(at) if faulty else HEALTHY
        doing = course(self._character, self._timeline, does, at, n, rng)
        severity = self.fault.severity(at) if self.fault and faulty else 0.0
        fault = (self.fault.kind, severity) if self.fault and severity > 0 else None
        sound = machine_sound(self._character, doing, does, fault, rng, self._rng(_FAULT, at))
        sound *= np.float32(self._character.level)
        # Noise of its own stream: a healthy twin hears the same.
        noise = self._rng(_SHOP, at)
        if snr_db is None:
            around = self._shop.as_usual(n, noise, customers=is_open(at))
        else:
            around = self._shop.around(n, noise, customers=is_open(at)) * gain(-snr_db)
        around *= np.float32(MACHINE_RMS * self._character.level)
        openings = [
            Span(door.start - at, door.end - at) for door in self._timeline.doors(at - 1, at + duration_s)
        ]
        sound += shop_sound(around, openings, does.gap, self._character, noise)
        return recorded(sound, noise)

    def reading(self, at: float) -> Reading:
        """What the node's other sensors say at time `at`."""
        return reading(self._character, self._timeline, at, self._rng(_READING, at))

    def _rng(self, stream: int, at: float) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, round(at * 1000)])

    @cached_property
    def _shop(self) -> Shop:
        return shop(self.seed, float(self.mains_hz))
