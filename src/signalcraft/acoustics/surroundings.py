"""What else is known of a machine at the time of a clip: its sensors, and its states before."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.anomaly import runstate
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.fleet import service as fleet
from signalcraft.telemetry.moments import moment, power_course

CYCLES_OVER = timedelta(hours=6)
"""Some ten starts of a healthy machine: enough to count them by, and short enough to see a change today."""
POWER_OVER = timedelta(hours=3)
"""The same from readings, which are dense: a dozen starts of a machine that starts too often."""
POWER_ENOUGH_S = 3600.0
"""Less of them says less than the states of the clips."""
_STATES_LIMIT = 2_000


def at_clip(
    session: Session, machine_id: int, heard_at: datetime, *, runs_above: float | None = None
) -> Surroundings:
    """What was known when the clip was heard. Whatever was measured or heard later has no say.

    runs_above: power in per cent above which the machine runs, where that is known: readings come more often
    than clips, and short runs are only seen in them.
    """
    devices = fleet.list_machine_devices(session, machine_id)
    sensors = moment(session, devices, heard_at)
    states = queries.states_before(
        session, machine_id, since=heard_at - CYCLES_OVER, until=heard_at, limit=_STATES_LIMIT
    )
    told = [(at.timestamp(), state) for at, state in states if state is not None]
    cycles = runstate.cycles(told)
    if runs_above is not None:
        course = power_course(session, devices, until=heard_at, over=POWER_OVER)
        by_power = runstate.cycles([(at, "running" if power > runs_above else "off") for at, power in course])
        cycles = by_power if by_power.observed_s >= POWER_ENOUGH_S else cycles
    recent = heard_at.timestamp() - runstate.RECENT_S
    newest = max((one for one in told if one[1] != "unknown"), default=None)
    return Surroundings(
        power_percent=sensors.power_percent,
        temperature_c=sensors.temperature_c,
        temperature_slope_c_per_min=sensors.temperature_slope_c_per_min,
        vibration_g=sensors.vibration_g,
        previous_state=newest[1] if newest is not None and newest[0] >= recent else None,
        **from_cycles(cycles),
    )


def from_cycles(cycles: runstate.Cycles) -> dict[str, float | None]:
    """What they say of the machine. Where runs are short against the distance of what they were counted from,
    more may have started than was seen, and how long they last is not known.
    """
    return {
        "starts_per_hour": cycles.starts_per_hour,
        "run_s": cycles.mean_run_s if cycles.resolved else None,
        "duty": cycles.duty,
    }


def as_json(surroundings: Surroundings) -> dict[str, Any] | None:
    """What is known, to be stored; None where nothing is."""
    return {name: value for name, value in asdict(surroundings).items() if value is not None} or None


def from_json(document: dict[str, Any] | None) -> Surroundings:
    """The stored surroundings; fields of a later release are left aside."""
    known = Surroundings.__dataclass_fields__.keys()
    return Surroundings(**{name: value for name, value in (document or {}).items() if name in known})
