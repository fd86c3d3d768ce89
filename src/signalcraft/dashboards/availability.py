"""Availability of the last 30 days against what we mean to reach."""

from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.observability import availability

GOAL = 0.999
_SPAN = timedelta(days=30)
_ROUND_S = 10
_SHOWN = 20


class IncidentView(BaseModel):
    """A time in which probes failed."""

    began_at: datetime
    ended_at: datetime | None = Field(description="null while it lasts.")
    cause: str


class Availability(BaseModel):
    """Of the last 30 days, or since the first probe."""

    since: datetime | None = Field(description="The first hour with probes.")
    goal: float
    availability: float | None = Field(
        description="Share of rounds that did not fail; null before the first."
    )
    budget_s: float = Field(description="Seconds of 30 days that may fail while the goal is met.")
    failed_s: float
    unknown_s: float = Field(description="Not probed: the monitor did not run. Neither up nor down.")
    incidents: list[IncidentView] = Field(description="The newest 20, newest first.")


def availability_now(session: Session) -> Availability:
    """What the probes have found until now."""
    now = utc_now()
    since = now - _SPAN
    first, tried, failed = availability.rounds(session, since=since)
    elapsed_s = (now - first).total_seconds() if first else 0.0
    return Availability(
        since=first,
        goal=GOAL,
        availability=(tried - failed) / tried if tried else None,
        budget_s=round(_SPAN.total_seconds() * (1 - GOAL), 3),
        failed_s=failed * _ROUND_S,
        unknown_s=max(0.0, elapsed_s - tried * _ROUND_S),
        incidents=[
            IncidentView(began_at=one.began_at, ended_at=one.ended_at, cause=one.cause)
            for one in availability.incidents(session, since=since, limit=_SHOWN)
        ],
    )
