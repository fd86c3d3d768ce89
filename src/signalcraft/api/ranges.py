"""Ranges of time, as addresses name them."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field

from signalcraft.clock import EARLIEST, utc_now
from signalcraft.errors import InvalidInputError

DEFAULT_SPAN = timedelta(hours=24)
LONGEST_SPAN = timedelta(days=400)
"""A year and a season to compare with."""


class RangeQuery(BaseModel):
    from_: AwareDatetime | None = Field(None, alias="from", description="Default: 24 hours before `to`.")
    to: AwareDatetime | None = Field(None, description="Default: now.")

    def range(self) -> tuple[datetime, datetime]:
        """Beginning and end.

        Raises
        ------
        InvalidInputError
            It makes no sense, or is longer than LONGEST_SPAN.
        """
        for name, moment in (("from", self.from_), ("to", self.to)):
            if moment is not None and moment < EARLIEST:
                raise InvalidInputError("There are no readings before 2000.", field=name)
        end = self.to or utc_now()
        start = self.from_ or end - DEFAULT_SPAN
        if not timedelta(0) < end - start <= LONGEST_SPAN:
            raise InvalidInputError(
                f"The range must end after it begins and span at most {LONGEST_SPAN.days} days.", field="from"
            )
        return start, end


class ChartQuery(RangeQuery):
    points: int = Field(1200, ge=2, le=5000, description="Width of the chart; more readings are reduced.")
