"""What can go wrong with a virtual machine, and how much of it there is at a time.

`effect` says what a fault does to the machine as a whole (load, current, temperature, cycles); what it sounds
like is in `fault_sounds`. The directions follow the service literature of vapour compression systems (ASHRAE
Handbook, HVAC Systems and Equipment, ch. 38 "Compressors"; Breuker & Braun 1998, "Common faults and their
impacts for rooftop air conditioners") and of rotating machines (ISO 13373-1; Randall 2011, "Vibration-based
Condition Monitoring"). The amounts are plausible, not measured: at severity 1 the machine must be stopped, at
0.3 a technician with a stethoscope would notice.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal[
    "bearing_wear",
    "imbalance",
    "loose_mount",
    "friction",
    "valve_leak",
    "liquid_slugging",
    "overload",
    "refrigerant_loss",
    "fan_fault",
    "short_cycling",
    "door_open",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SOUND_BORNE: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in ("short_cycling", "door_open"))
"""Those that change the sound of the running compressor itself."""


@dataclass(frozen=True)
class Fault:
    """Nothing at `starts_at` (seconds of machine time), `reaches` (0 to 1) `grows_over_s` later."""

    starts_at: float
    grows_over_s: float
    kind: Kind = "bearing_wear"
    reaches: float = 1.0

    def severity(self, at: float) -> float:
        """0 (none) to 1 (grave)."""
        return self.reaches * min(max((at - self.starts_at) / self.grows_over_s, 0.0), 1.0)


def lasting(kind: Kind, severity: float) -> Fault:
    """A fault that has been there all the time."""
    return Fault(starts_at=-1.0, grows_over_s=1.0, kind=kind, reaches=severity)


@dataclass(frozen=True)
class Effect:
    """What a fault changes, beyond what it adds to the sound.

    hum_db, hum_upper_db: of the 2nd mains harmonic, and of those above it. slip, current: factors. stroke_db,
    flow_db: of the piston strokes and of the refrigerant. fan_speed: factor. vibration_g: added. warmth_c:
    added to the storage temperature once the run has adapted. duty: added share of time running.
    starts: factor of the starts per hour. gap: how far the door stands open, 0 to 1.
    """

    hum_db: float = 0.0
    hum_upper_db: float = 0.0
    slip: float = 1.0
    current: float = 1.0
    stroke_db: float = 0.0
    flow_db: float = 0.0
    fan_speed: float = 1.0
    vibration_g: float = 0.0
    warmth_c: float = 0.0
    duty: float = 0.0
    starts: float = 1.0
    gap: float = 0.0


HEALTHY = Effect()


def effect(kind: Kind, severity: float) -> Effect:
    """severity: 0 to 1."""
    s = severity
    match kind:
        case "bearing_wear":  # runs hot and rough, and takes some more current for its friction
            return replace(HEALTHY, current=1 + 0.08 * s, vibration_g=0.45 * s**1.5)
        case "imbalance":  # the centrifugal force is proportional to the unbalance
            return replace(HEALTHY, vibration_g=0.9 * s)
        case "loose_mount":
            return replace(HEALTHY, vibration_g=0.6 * s)
        case "friction":
            return replace(HEALTHY, current=1 + 0.30 * s, slip=1 + 0.35 * s, vibration_g=0.15 * s)
        case "valve_leak":  # gas flows back: less capacity, so longer runs; a little less work
            return replace(
                HEALTHY,
                current=1 - 0.10 * s,
                slip=1 - 0.10 * s,
                stroke_db=-3 * s,
                duty=0.35 * s,
                warmth_c=3 * s**2,
            )
        case "liquid_slugging":  # liquid does not compress: each slug brakes the shaft
            return replace(HEALTHY, current=1 + 0.15 * s, vibration_g=0.5 * s)
        case "overload":  # torque raises slip; flux saturation raises the hum's harmonics
            return replace(
                HEALTHY,
                hum_db=8 * s,
                hum_upper_db=12 * s,
                slip=1 + 1.2 * s,
                current=1 + 0.55 * s,
                stroke_db=4 * s,
                duty=0.30 * s,
                warmth_c=5 * s,
                vibration_g=0.10 * s,
            )
        case "refrigerant_loss":  # less mass flow: less work, little cold
            return replace(
                HEALTHY,
                slip=1 - 0.45 * s,
                current=1 - 0.35 * s,
                stroke_db=-5 * s,
                flow_db=-9 * s,
                duty=0.50 * s,
                warmth_c=9 * s,
            )
        case "fan_fault":  # the condenser gets less air: pressure, current and run time rise
            return replace(
                HEALTHY,
                fan_speed=1 - 0.30 * s,
                current=1 + 0.12 * s,
                slip=1 + 0.15 * s,
                duty=0.20 * s,
                warmth_c=2 * s,
                vibration_g=0.05 * s,
            )
        case "short_cycling":
            return replace(HEALTHY, starts=1 + 5 * s, warmth_c=1.5 * s)
        case "door_open":
            return replace(HEALTHY, duty=0.45 * s, warmth_c=9 * s, gap=s)
