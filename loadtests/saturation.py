"""What was used up first: the share of each limited thing that a load took."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from loadtests.sampling import Sample

FULL = 0.9
"""Of a limit: beyond this, what comes waits for what is there."""
GENERATOR, OTHERS = "load generator, of all processors", "others on this host, of all processors"
"""They use what the system could have used: they are shown, and never what was full."""
_ONE_CORE = ".busiest_percent"


def usage(samples: Iterable[Sample], cores: int) -> dict[str, float]:
    """Mean share of its limit that each thing was used, 0 to 1.

    Processors by all on the host; a process against the one core that a Python process (its interpreter
    lock), an event loop or a PostgreSQL backend can fill; connections against the server's limit.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        numbers = sample.numbers
        if sample.section == "host":
            found["processors"].append(numbers["cpu_percent"] / 100)
        if sample.section == "generator" and "cpu_percent" in numbers:
            found[GENERATOR].append(numbers["cpu_percent"] / 100 / cores)
        if sample.section == "processes":
            for name, value in numbers.items():
                if name.endswith(_ONE_CORE):
                    found[f"one process of {name.removesuffix(_ONE_CORE)}"].append(value / 100)
        if sample.section == "database":
            found["database connections"].append(numbers["connections"] / numbers["connections_limit"])
    return {name: mean(values) for name, values in found.items()}


def first_saturated(usages: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """One sentence about loads in the order in which they grew.

    Parameters
    ----------
    usages : name of each load with its `usage`.
    """
    for name, used in usages:
        full = {thing: share for thing, share in _own(used).items() if share >= FULL}
        if full:
            thing = max(full, key=lambda one: full[one])
            generator, others = used.get(GENERATOR, 0.0), used.get(OTHERS, 0.0)
            return (
                f"At {name}, {thing} was used to {full[thing]:.0%} first (of all processors, the load"
                f" generator took {generator:.0%}, others on this host {others:.0%})."
            )
    if not usages:
        return "Nothing was measured."
    name, used = usages[-1][0], _own(usages[-1][1])
    if not used:
        return "Nothing was sampled."
    thing = max(used, key=lambda one: used[one])
    return f"Nothing was used to {FULL:.0%}; at {name} the most was {thing} with {used[thing]:.0%}."


def _own(used: Mapping[str, float]) -> dict[str, float]:
    """What the system itself can fill."""
    return {thing: share for thing, share in used.items() if thing not in (GENERATOR, OTHERS)}
