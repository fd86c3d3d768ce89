"""The old dashboard's shapes, with what is true in them; what nothing measures is null."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from signalcraft.fleet.light import DeviceStatus

Band = Literal["healthy", "warning", "critical"]


class FleetOverview(BaseModel):
    total_stores: int
    total_compressors: int
    online_compressors: int
    offline_compressors: int
    critical_alerts: int = Field(description="Open alarms that are critical or high.")
    warning_alerts: int = Field(description="Open alarms that are medium or low.")
    total_energy_cost: float | None = Field(
        description="Always null: the current sensor tells a share of its range, from which no cost follows."
    )
    avg_uptime_percentage: float | None = Field(
        description="Share of the last seven days covered by readings; null without readings."
    )


class HealthDistribution(BaseModel):
    """Machines by the band of their health score; `unknown` where there is nothing to judge by."""

    healthy: int
    warning: int
    critical: int
    unknown: int


class Trends(BaseModel):
    """The last seven days against the seven before, in per cent; null where there is nothing to compare."""

    energy_cost_trend: float | None = Field(description="Of the mean power.")
    uptime_trend: float | None
    alert_trend: float | None


class SummaryBody(BaseModel):
    overview: FleetOverview
    health_distribution: HealthDistribution
    recent_trends: Trends
    last_updated: datetime


class Labelled(BaseModel):
    labels: list[str]
    values: list[float | None]


class StatusCounts(BaseModel):
    """Devices. `maintenance` is null: nobody tells the system when somebody works on a machine."""

    online: int
    late: int
    offline: int
    maintenance: int | None
    error: int = Field(description="Of those not offline, whose newest reading holds no valid value.")


class SummaryAnswer(BaseModel):
    success: Literal[True] = True
    summary: SummaryBody
    energy_data: Labelled = Field(description="Mean power of each day (UTC), in per cent of the range.")
    device_status: StatusCounts
    timestamp: datetime


class StoreOut(BaseModel):
    store_id: int
    store_name: str
    devices: int
    online: int
    machines: int
    open_alarms: int


class StoreList(BaseModel):
    success: Literal[True] = True
    stores: list[StoreOut]
    count: int


class StoreAnswer(BaseModel):
    success: Literal[True] = True
    store: StoreOut


class StoreDevice(BaseModel):
    """A machine's node as the old dashboard listed it."""

    device_id: str
    device_name: str
    store_id: int | None
    store_name: str | None
    device_type: str
    model: str | None
    status: DeviceStatus
    last_seen: datetime
    firmware_version: str | None
    health_score: float | None = Field(description="0 to 100; null where there is nothing to judge by.")
    health_band: Band | None
    temperature: float | None
    vibration: float | None = Field(description="In g, without gravity.")
    power_consumption: float | None
    audio_level: float | None


class StoreDeviceList(BaseModel):
    success: Literal[True] = True
    devices: list[StoreDevice]
    count: int


class StoreDeviceAnswer(BaseModel):
    success: Literal[True] = True
    device: StoreDevice


class Analytics(BaseModel):
    """By day (UTC): means of all devices together, and how many values went beyond a limit."""

    temperature: Labelled
    vibration: Labelled
    power: Labelled
    anomaly: Labelled


class Trend(BaseModel):
    field: str
    per_day: float = Field(description="Slope of the daily means, in the field's unit a day.")


class Performance(BaseModel):
    date: str
    readings: int
    valid_percentage: float
    uptime_percentage: float


class AnalyticsAnswer(BaseModel):
    success: Literal[True] = True
    analytics: Analytics
    trends: list[Trend]
    patterns: list[dict[str, Any]] = Field(description="Values beyond a limit: which, and how often.")
    performance: list[Performance]
