"""What one release asks of another: the only thing that both must understand."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from signalcraft.operations.releases.record import Kind


@dataclass(frozen=True)
class Order:
    """A release to be activated. It may come from an older or a newer one: what is not known is left out."""

    id: str
    """Of the deployment."""
    kind: Kind
    release: str
    """Id of the release that is to be activated."""
    source: str
    by: str
    """The account that ran the command."""
    began_at: str
    """UTC, ISO 8601."""
    build_seconds: float
    steps: list[int]
    """Percent of the traffic."""
    interval_s: float
    """How long each step is watched."""

    @classmethod
    def read(cls, text: str) -> "Order":
        """Out of what `write` made."""
        document: dict[str, Any] = json.loads(text)
        return cls(**{each.name: document[each.name] for each in fields(cls)})

    def write(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self))
