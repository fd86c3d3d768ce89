"""Where Prometheus finds the numbers of this instance: a file for its `file_sd_configs`."""

import json
from typing import Any, get_args

from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import LOOPBACK, TIERS, Colour, Measured, metrics_port, tier_port


def write_targets(instance: Instance) -> None:
    """Write `run/prometheus-targets.json`, whole at every moment that somebody reads it.

    Both colours are in it, whichever is at work: a deployment need not touch it.
    """
    file = instance.run_dir / "prometheus-targets.json"
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(targets(instance), indent=2) + "\n", encoding="utf-8")
    draft.replace(file)


def targets(instance: Instance) -> list[dict[str, Any]]:
    """An entry for each process and colour, as Prometheus wants it."""
    base = instance.settings.internal_port_base
    found = []
    for colour in get_args(Colour):
        found += [_target(tier, colour, tier_port(base, tier, colour)) for tier in TIERS]
        found += [
            _target(name, colour, metrics_port(base, name, colour))
            for name in get_args(Measured)
            if name != "monitor"
        ]
    monitor: Measured = "monitor"
    return [*found, _target(monitor, "", metrics_port(base, monitor, "blue"))]


def _target(process: str, colour: str, port: int) -> dict[str, Any]:
    return {
        "targets": [f"{LOOPBACK}:{port}"],
        "labels": {"process": process, **({"colour": colour} if colour else {})},
    }
