"""What people and nodes do, done from outside against any address: by `deploy`, the monitor, the operator.

It knows nothing of the server but its addresses, so that a release can be tried by another one's code.
"""

from signalcraft.systemtest.journeys import JOURNEYS, Journey, JourneyResult, run
from signalcraft.systemtest.visit import Credentials

__all__ = ["JOURNEYS", "Credentials", "Journey", "JourneyResult", "run"]
