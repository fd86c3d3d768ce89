"""What one virtual machine is like: the geometry of its model, its own tolerances, and its wave tables."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from signalcraft.simulation.cycle import Habits
from signalcraft.simulation.sources import (
    Signal,
    falling,
    harmonic_table,
    looped_noise,
    of_rms,
    struck_table,
)

TWO_TURNS = 13
"""Bits of the shaft's tables, which hold two turns: what is loose may answer every other one."""
_FLOW_LOOP = 2**19  # 33 s: clips hardly ever meet the same noise
_HISS_LOOP = 2**18
_MODEL, _OWN, _WAVES, _NOISE, _WHERE = range(5)  # streams of random numbers


@dataclass(frozen=True)
class Model:
    """What machines of one kind share.

    cylinders: of the compressor, 1 or 2. slip: of the loaded two-pole motor, a share of the mains frequency.
    blades, fan_hz: of the condenser's fan; evaporator_hz: of the fan inside. bearing_orders: ball passes of
    the outer race a turn. The resonances are those of the bearing seat, the valve reeds, the mount and the
    housing. broken_blade: how its fan fails, by a broken blade or else by a blocked coil. hot_gas: see
    Habits. hum_harmonics, stroke_fall: of the spectra's envelope.
    """

    cylinders: int
    slip: float
    blades: int
    fan_hz: float
    evaporator_hz: float
    bearing_orders: float
    bearing_hz: float
    valve_hz: float
    mount_hz: float
    housing_hz: float
    broken_blade: bool
    hot_gas: bool
    hum_fall: float
    stroke_fall: float
    flow_corner_hz: float
    cycle_s: float
    duty: float


@dataclass(frozen=True)
class Character:
    """One machine. shaft_hz: of the loaded shaft. level: amplitude by where the microphone sits.

    Tables (float32) hold one turn of mains or fans, two turns of the shaft; loops are noise.
    """

    model: Model
    habits: Habits
    mains_hz: float
    seed: int
    waves: int
    slip: float
    fan_hz: float
    evaporator_hz: float
    bearing_orders: float
    bearing_hz: float
    valve_hz: float
    pole_pass_depth: float
    setpoint_c: float
    level: float
    current: float

    @cached_property
    def hum(self) -> Signal:
        """Lorentz and magnetostrictive forces go with the square of the flux: even harmonics of the mains."""
        return harmonic_table(self._hum_amplitudes(first=1.0, upper=1.0), self._rng(_WAVES, 1))

    @cached_property
    def hum_upper(self) -> Signal:
        """The same waves without the first: what grows as the iron saturates."""
        return harmonic_table(self._hum_amplitudes(first=0.0, upper=1.0), self._rng(_WAVES, 1))

    @cached_property
    def shaft(self) -> Signal:
        """Residual imbalance, gas torque of each piston, the clicks of its suction and discharge valves."""
        return of_rms(self._strokes + self._clicks, 0.0085)

    @cached_property
    def pulsation(self) -> Signal:
        """How the flow swells with each stroke: about 1 on the mean of a turn."""
        turn = self._open(0.30)
        swelling: Signal = 1 + np.float32(0.5) * (turn - turn.mean())
        return swelling

    @cached_property
    def leaking(self) -> Signal:
        """Pressure over a leaking valve: a part of each stroke, 0 to 1."""
        return self._open(0.45)

    @cached_property
    def rubbing(self) -> Signal:
        """Once a turn, 0 to 1."""
        turns = np.arange(2**TWO_TURNS) / 2 ** (TWO_TURNS - 1)
        pressed: Signal = np.square(0.5 + 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)
        return pressed

    @cached_property
    def once(self) -> Signal:
        """The centrifugal force: one sine a turn with a little of the second, peak about 1."""
        return harmonic_table([0, 1.0, 0, 0.12], self._rng(_WAVES, 3), bits=TWO_TURNS)

    @cached_property
    def rattle(self) -> Signal:
        """A loose foot lifts and lands every other turn: halves of the shaft frequency, cut off where it
        lies, and a knock as it lands (ISO 13373-3, looseness); rms 1."""
        turns = np.arange(2**TWO_TURNS) / 2 ** (TWO_TURNS - 1)
        lifted = np.sin(2 * np.pi * turns) + 0.8 * np.sin(np.pi * turns + 0.6)
        cut = np.maximum(lifted, -0.25)
        knocks = struck_table(
            [0.08, 0.56],
            [1.4, 0.7],
            turn_s=self._two_turns_s,
            ring_hz=self.model.mount_hz,
            decay_s=0.004,
            bits=TWO_TURNS,
        )
        return of_rms(cut - cut.mean() + knocks, 1.0)

    @cached_property
    def fan(self) -> Signal:
        """One turn of nearly equal blades."""
        return self._blades(self.model.blades, 4, unequal=0.06, rms=0.006)

    @cached_property
    def fan_failing(self) -> Signal:
        """A broken blade: the turn itself is heard, and every multiple of it. A blocked coil: the blades
        stall one after the other, their pass is lost in a rumble of all orders."""
        return self._blades(
            self.model.blades, 5, unequal=1.0, rms=0.020 if self.model.broken_blade else 0.004
        )

    @cached_property
    def evaporator_fan(self) -> Signal:
        return self._blades(5, 6, unequal=0.06, rms=0.0012)

    @cached_property
    def flow(self) -> tuple[Signal, Signal]:
        """Suction and discharge gas: two loops whose sum hardly ever repeats."""
        rng, corner = self._rng(_NOISE, 0), self.model.flow_corner_hz
        return (
            looped_noise(rng, _FLOW_LOOP, level=0.006, corner_hz=corner, slope_db_per_octave=-4.5),
            looped_noise(rng, _FLOW_LOOP, level=0.004, corner_hz=2.8 * corner, slope_db_per_octave=-5.0),
        )

    @cached_property
    def hiss(self) -> Signal:
        """Gas through a narrow gap, from some 1 to 8 kHz; rms 1."""
        rng = self._rng(_NOISE, 1)
        return looped_noise(rng, _HISS_LOOP, level=1.0, corner_hz=3500, slope_db_per_octave=-2.0, low_hz=1500)

    @cached_property
    def scrape(self) -> Signal:
        """Dry metal, from some 0.5 to 3 kHz; rms 1."""
        rng = self._rng(_NOISE, 2)
        return looped_noise(rng, _HISS_LOOP, level=1.0, corner_hz=2000, slope_db_per_octave=-12, low_hz=600)

    @cached_property
    def grinding(self) -> Signal:
        """Rough races: noise around the bearing's resonance and above; rms 1."""
        rng = self._rng(_NOISE, 3)
        low = 0.7 * self.bearing_hz
        return looped_noise(
            rng, _HISS_LOOP, level=1.0, corner_hz=1.3 * self.bearing_hz, slope_db_per_octave=-9, low_hz=low
        )

    @cached_property
    def turbulence(self) -> Signal:
        """Air of stalled blades, from some 80 to 800 Hz; rms 1."""
        rng = self._rng(_NOISE, 4)
        return looped_noise(rng, _HISS_LOOP, level=1.0, corner_hz=400, slope_db_per_octave=-8, low_hz=80)

    @property
    def _two_turns_s(self) -> float:
        return 2 / (self.mains_hz * (1 - self.slip))

    @cached_property
    def _strokes(self) -> Signal:
        rng = self._rng(_WAVES, 2)
        orders = np.zeros(80)
        own = falling(40, self.model.stroke_fall, rng)
        # Two cylinders half a turn apart: what they do alike stands at the even orders.
        own[0::2] *= 0.25 if self.model.cylinders == 2 else 1.0
        orders[1::2] = own
        return harmonic_table(orders, rng, bits=TWO_TURNS, rms=1.0)

    @cached_property
    def _clicks(self) -> Signal:
        rng = self._rng(_WAVES, 7)
        angles, strengths = [], []
        for turn in (0.0, 0.5):
            for cylinder in range(self.model.cylinders):
                for valve, strength in ((0.04, 1.0), (0.29, 0.6)):  # discharge, suction
                    angles.append(turn + cylinder * 0.25 + valve)
                    strengths.append(strength * rng.normal(1, 0.03))
        clicks = struck_table(
            angles, strengths, turn_s=self._two_turns_s, ring_hz=self.valve_hz, decay_s=0.0012, bits=TWO_TURNS
        )
        return clicks * np.float32(1.5)

    def _open(self, width: float) -> Signal:
        """0 to 1: once a stroke for a share `width` of it, with soft edges."""
        strokes = np.arange(2**TWO_TURNS) / 2 ** (TWO_TURNS - 1) * self.model.cylinders
        phase = np.abs((strokes % 1.0) - 0.5) * 2  # 0 at the middle
        opened: Signal = (1 / (1 + np.exp((phase - width) * 20))).astype(np.float32)
        return opened

    def _hum_amplitudes(self, *, first: float, upper: float) -> Signal:
        rng = self._rng(_WAVES, 0)
        amplitudes = np.zeros(16)
        amplitudes[1::2] = 0.0105 * falling(8, self.model.hum_fall, rng) / self.model.hum_fall
        amplitudes[1] *= first
        amplitudes[3::2] *= upper
        amplitudes[0] = 0.0006 * first  # stray: asymmetric air gap
        return amplitudes.astype(np.float32)

    def _blades(self, blades: int, wave: int, *, unequal: float, rms: float) -> Signal:
        rng = self._rng(_WAVES, wave)
        orders = falling(6 * blades, 0.93, rng)
        order = np.arange(1, orders.size + 1)
        orders *= np.where(order % blades, unequal, 1.0)
        return harmonic_table(orders, rng, rms=rms)

    def _rng(self, stream: int, number: int) -> np.random.Generator:
        """Waves are the model's, noise and place the machine's own."""
        seed = self.waves if stream == _WAVES else self.seed
        return np.random.default_rng([seed, stream, number, 7])


@lru_cache(maxsize=256)
def _model(kind: int, number: int, mains_hz: float) -> Model:
    rng = np.random.default_rng([kind, number, _MODEL])
    scale = mains_hz / 60
    return Model(
        cylinders=int(rng.integers(1, 3)),
        slip=rng.uniform(0.020, 0.040),
        blades=int(rng.integers(4, 7)),
        fan_hz=rng.uniform(21.5, 26.5) * scale,  # four- and six-pole asynchronous motors of some slip
        evaporator_hz=rng.uniform(27.0, 29.0) * scale,
        bearing_orders=rng.uniform(2.9, 3.6),  # outer race of 7 or 8 balls
        bearing_hz=rng.uniform(2800.0, 6000.0),
        valve_hz=rng.uniform(1100.0, 2600.0),
        mount_hz=rng.uniform(350.0, 900.0),
        housing_hz=rng.uniform(90.0, 220.0),
        broken_blade=bool(rng.random() < 0.5),
        hot_gas=bool(rng.random() < 0.3),
        hum_fall=rng.uniform(0.45, 0.65),
        stroke_fall=rng.uniform(0.86, 0.92),
        flow_corner_hz=rng.uniform(600.0, 1300.0),
        cycle_s=rng.uniform(1200.0, 2000.0),  # about two to three starts an hour
        duty=rng.uniform(0.5, 0.62),
    )


@lru_cache(maxsize=12)
def character(seed: int, model: int | None, mains_hz: float) -> Character:
    """The machine of that seed; without a model one of its own."""
    kind = (0, seed) if model is None else (1, model)
    of = _model(*kind, mains_hz)
    rng = np.random.default_rng([seed, _OWN])
    where = np.random.default_rng([seed, _WHERE])
    habits = Habits(
        cycle_s=of.cycle_s * rng.uniform(0.9, 1.1),
        duty=of.duty + rng.uniform(-0.04, 0.04),
        defrost_every_s=rng.uniform(8.0, 12.0) * 3600,
        defrost_phase_s=rng.uniform(0.5, 7.5) * 3600,
        defrost_s=rng.uniform(900.0, 1400.0),
        hot_gas=of.hot_gas,
        doors_per_hour=rng.uniform(3.0, 9.0),
    )
    return Character(
        model=of,
        habits=habits,
        mains_hz=mains_hz,
        seed=seed,
        waves=kind[1] + 1_000_000 * kind[0],
        slip=of.slip * rng.uniform(0.93, 1.07),
        fan_hz=of.fan_hz * rng.uniform(0.985, 1.015),
        evaporator_hz=of.evaporator_hz * rng.uniform(0.985, 1.015),
        bearing_orders=of.bearing_orders,
        bearing_hz=of.bearing_hz * rng.uniform(0.96, 1.04),
        valve_hz=of.valve_hz * rng.uniform(0.97, 1.03),
        pole_pass_depth=rng.uniform(0.08, 0.18),
        setpoint_c=rng.uniform(-21.0, -19.0),
        level=10 ** (where.uniform(-3.0, 3.0) / 20),
        current=rng.uniform(54.0, 62.0),
    )
