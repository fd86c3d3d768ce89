"""What was seen last, in this process: the operator is told of it also while the database is away."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from signalcraft.clock import utc_now
from signalcraft.monitor.sampling import Look


class Looks:
    """The newest look at each section."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[datetime, Look]] = {}

    def remembering(self, section: str, look: Callable[[], Look]) -> Callable[[], Look]:
        """The same sampler, whose looks are remembered."""

        def remembered() -> Look:
            seen = look()
            self._newest[section] = (utc_now(), seen)
            return seen

        return remembered

    def document(self, section: str, *, within_s: float) -> Mapping[str, Any] | None:
        """What was seen at most so many seconds ago; None where the last look is older, or there was none."""
        found = self._newest.get(section)
        if found is None or (utc_now() - found[0]).total_seconds() > within_s:
            return None
        return found[1].document

    def is_silent(self, section: str, *, for_s: float) -> bool:
        """Whether looks have come, and then none for so long."""
        found = self._newest.get(section)
        return found is not None and (utc_now() - found[0]).total_seconds() > for_s
