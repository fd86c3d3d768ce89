"""What the monitoring page and its old addresses answer."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from signalcraft.alarms.schemas import Severity


class Section(BaseModel):
    """The newest look at one part of the system."""

    name: str = Field(description="`host`, `processes`, `database`, `redis`, `queue`, `tiers` or `ages`.")
    taken_at: datetime
    document: dict[str, Any] = Field(description="By section, see docs/monitoring.md.")


class Now(BaseModel):
    """The newest look at everything."""

    generated_at: datetime
    running: bool = Field(description="Whether the monitor has looked within the last minute.")
    sections: list[Section]


class SectionHistory(BaseModel):
    """Numbers of one section: in every column one value for each moment, null where there was none."""

    taken_at: list[int] = Field(description="Epoch milliseconds, rising.")
    numbers: dict[str, list[float | None]]


class ReleaseMark(BaseModel):
    """A release began to answer."""

    seen_at: datetime
    colour: str
    release: str


class History(BaseModel):
    """The last hours: means over `span_s` seconds each."""

    hours: int
    span_s: int
    sections: dict[str, SectionHistory]
    releases: list[ReleaseMark]


class OldStatus(BaseModel):
    """`GET /api/monitoring/status` as the old server had it."""

    success: Literal[True] = True
    is_running: bool
    check_interval: int = Field(description="Seconds between two looks.")
    last_check: datetime | None
    message: str


class OldStats(BaseModel):
    """Analyses and alarms of the last hours."""

    total_analyses: int
    anomaly_count: int
    normal_count: int
    active_alerts: int
    anomaly_rate: float = Field(description="Share of the analyses, 0 to 1; 0 where there were none.")
    time_range_hours: int


class OldStatsAnswer(BaseModel):
    """`GET /api/monitoring/stats` as the old server had it."""

    success: Literal[True] = True
    stats: OldStats
    message: str


class OldAlert(BaseModel):
    """An alarm as the old server listed alerts."""

    type: str
    message: str
    severity: Severity
    timestamp: datetime
    resolved: bool


class OldAlerts(BaseModel):
    """`GET /api/monitoring/alerts` as the old server had it."""

    success: Literal[True] = True
    alerts: list[OldAlert]
    message: str
