"""Availability of the last 30 days against what we mean to reach, and what the operator was told."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from signalcraft.bilingual import Text
from signalcraft.clock import utc_now
from signalcraft.observability import availability, operator_alerts
from signalcraft.observability.alert_catalogue import BY_NAME
from signalcraft.observability.monitor_samples import MonitorSection
from signalcraft.observability.operator_alerts import OperatorAlert

GOAL = 0.999
_SPAN = timedelta(days=30)
_ROUND_S = 10
_SHOWN = 20


class IncidentView(BaseModel):
    """A time in which journeys failed."""

    began_at: datetime
    ended_at: datetime | None = Field(description="null while it lasts.")
    cause: str
    journeys: list[str] = Field(description="All that failed in it; empty of old incidents.")


class JourneyView(BaseModel):
    """Something that people or nodes do, tried again and again."""

    name: str
    tried: int
    failed: int
    availability: float
    mean_s: float = Field(description="How long it took on average.")
    ok: bool | None = Field(description="Of the newest attempt; null before the monitor's first look.")
    detail: str = Field(description="What the newest attempt met where it failed, else empty.")


class Availability(BaseModel):
    """Of the last 30 days, or since the first probe."""

    since: datetime | None = Field(description="The first hour with probes.")
    goal: float
    availability: float | None = Field(
        description="Share of rounds in which nothing had failed; null before the first."
    )
    budget_s: float = Field(description="Seconds of 30 days that may fail while the goal is met.")
    failed_s: float
    unknown_s: float = Field(description="Not probed: the monitor did not run. Neither up nor down.")
    journeys: list[JourneyView] = Field(description="By name.")
    incidents: list[IncidentView] = Field(description="The newest 20, newest first.")


class AlertView(BaseModel):
    """Something that the operator was told of."""

    name: str
    severity: Literal["critical", "warning"]
    title: Text
    first_step: Text
    runbook: str = Field(description="The section of docs/runbook.md.")
    subject: str = Field(description="What it is about where there are several; else empty.")
    seen: str = Field(description="What was seen when it began.")
    began_at: datetime
    ended_at: datetime | None = Field(description="null while it lasts.")


class OperatorAlerts(BaseModel):
    """What the operator was told."""

    lasting: list[AlertView] = Field(description="Oldest first.")
    ended: list[AlertView] = Field(description="The newest 20, newest first.")


def availability_now(session: Session) -> Availability:
    """What the probes have found until now."""
    now = utc_now()
    since = now - _SPAN
    first, tried, failed = availability.rounds(session, since=since)
    elapsed_s = (now - first).total_seconds() if first else 0.0
    section = session.get(MonitorSection, "journeys")
    newest: Mapping[str, Any] = section.document if section else {}
    return Availability(
        since=first,
        goal=GOAL,
        availability=(tried - failed) / tried if tried else None,
        budget_s=round(_SPAN.total_seconds() * (1 - GOAL), 3),
        failed_s=failed * _ROUND_S,
        unknown_s=max(0.0, elapsed_s - tried * _ROUND_S),
        journeys=[
            JourneyView(
                name=one.journey,
                tried=one.tried,
                failed=one.failed,
                availability=(one.tried - one.failed) / one.tried,
                mean_s=one.seconds / one.tried,
                ok=newest.get(one.journey, {}).get("ok"),
                detail=newest.get(one.journey, {}).get("detail", ""),
            )
            for one in availability.journeys(session, since=since)
        ],
        incidents=[
            IncidentView(
                began_at=one.began_at, ended_at=one.ended_at, cause=one.cause, journeys=one.journeys or []
            )
            for one in availability.incidents(session, since=since, limit=_SHOWN)
        ],
    )


def alerts_now(session: Session) -> OperatorAlerts:
    """What the operator was told, of what this release knows."""
    return OperatorAlerts(
        lasting=_views(operator_alerts.lasting(session)),
        ended=_views(operator_alerts.ended(session, limit=_SHOWN)),
    )


def _views(rows: Sequence[OperatorAlert]) -> list[AlertView]:
    return [
        AlertView(
            name=row.name,
            severity=BY_NAME[row.name].severity,
            title=BY_NAME[row.name].title,
            first_step=BY_NAME[row.name].step,
            runbook=BY_NAME[row.name].runbook,
            subject=row.subject,
            seen=row.detail,
            began_at=row.began_at,
            ended_at=row.ended_at,
        )
        for row in rows
        if row.name in BY_NAME
    ]
