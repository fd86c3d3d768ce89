"""A deployment whose program was killed: found by the next `up` or `deploy`, and brought to an end.

While a deployment is under way its line of the record stands in `run/deployment.json`, ended as if it had
been cut off. Which colour is active says how it really ended.
"""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from signalcraft.operations import colours, launch, lifecycle, traffic
from signalcraft.operations.colours import other
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import Colour
from signalcraft.operations.releases import record
from signalcraft.operations.releases.one_at_a_time import turn
from signalcraft.operations.releases.record import SUCCEEDED, Deployment
from signalcraft.operations.whole_files import write_whole

Say = Callable[[str], None]

REASON = "The deployment was cut off before it ended."


def begin(instance: Instance, line: Deployment) -> None:
    """Leave word of a deployment that has begun, or of how it has to end."""
    write_whole(_file(instance), record.write(line))


def end(instance: Instance, made: Deployment) -> None:
    """It has ended: into the record with it."""
    record.append(instance, made)
    _file(instance).unlink(missing_ok=True)


def look_after(instance: Instance, say: Say) -> None:
    """`put_right`, unless a deployment is under way."""
    with turn(instance) as lock:
        if lock is not None:
            put_right(instance, say)


def put_right(instance: Instance, say: Say) -> None:
    """End a deployment that was cut off: the active colour gets all of the traffic, the other one is stopped.

    The caller has its `turn`.
    """
    try:
        line = record.read(_file(instance).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    say(f"Deployment {line.id} was cut off: putting right what it left")
    found = colours.load(instance)
    idle = other(found.active)
    with suppress(OperationsError):  # a proxy that does not run finds its shares when it starts
        traffic.set_weights(instance, {found.active: 100, idle: 0})
    lifecycle.stop_colour(instance, idle, say)
    for session in instance.run_dir.glob(f"*-{idle}.session"):
        launch.reap(instance.run_dir, session.stem)  # where PM2 was killed too
    active = found.releases[found.active]
    if active is not None and active.id == line.release:
        line = replace(line, outcome=SUCCEEDED[line.kind], reason=None)
    end(instance, line)


def reinstate(instance: Instance, colour: Colour, say: Say) -> None:
    """Make that colour active again; its own `up` brings back what there is one of.

    Raises
    ------
    OperationsError
        It does not.
    """
    found = colours.load(instance)
    colours.save(instance, replace(found, active=colour))
    release = found.releases[colour]
    if release is None:
        raise OperationsError(f"{colour} has no release.")
    done = subprocess.run([release.program, "up"], capture_output=True, text=True)
    if done.returncode:
        raise OperationsError(" ".join(done.stderr.strip().splitlines()[-3:]))
    say(f"{release.id} is active again")


def _file(instance: Instance) -> Path:
    return instance.run_dir / "deployment.json"
