"""A typed client of SignalCraft's API: `SignalCraft` for people's programs, `NodeClient` in a node's stead.

It uses nothing else of the package and can be used where no server runs. docs/clients.md shows how.
"""

from signalcraft.client.api import SignalCraft
from signalcraft.client.errors import (
    AnalysisFailedError,
    BusyError,
    ClientError,
    FieldError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    ProblemError,
    UnreachableError,
)
from signalcraft.client.events import Event
from signalcraft.client.node import Measurement, NodeClient
from signalcraft.client.patience import Patience
from signalcraft.client.results import (
    Alarm,
    Analysis,
    BatchResult,
    ClipReceived,
    Command,
    Device,
    Latest,
    Machine,
    Reading,
    ReadingError,
    Series,
    Shop,
    StoredReading,
    Text,
)

__all__ = [
    "Alarm",
    "Analysis",
    "AnalysisFailedError",
    "BatchResult",
    "BusyError",
    "ClientError",
    "ClipReceived",
    "Command",
    "Device",
    "Event",
    "FieldError",
    "Latest",
    "Machine",
    "Measurement",
    "NodeClient",
    "NotAllowedError",
    "NotFoundError",
    "NotSignedInError",
    "Patience",
    "ProblemError",
    "Reading",
    "ReadingError",
    "Series",
    "Shop",
    "SignalCraft",
    "StoredReading",
    "Text",
    "UnreachableError",
]
