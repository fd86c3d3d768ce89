"""What the old server's sensor queries answer."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Status = Literal["normal", "warning", "critical", "error", "offline"]


class SensorHealth(BaseModel):
    """`error` is a sensor without a valid value, `offline` a node that is silent."""

    status: Status = Field(description="The worst of the sensors'; offline where the node is.")
    last_seen: datetime
    uptime: float | None = Field(description="Seconds since the node started, as it last said.")
    data_quality: float | None = Field(description="Share of today's readings without a flaw, 0 to 1.")
    anomaly_count: int = Field(description="Values beyond a limit in the last 24 hours.")
    temperature_status: Status | None = Field(description="Null where the device's type has no target.")
    vibration_status: Status | None
    power_status: Status | None
    audio_status: Status | None
    overall_health: float | None = Field(description="0 to 100; null where there is nothing to judge by.")


class SensorHealthAnswer(BaseModel):
    success: Literal[True] = True
    device_id: str
    health: SensorHealth


class SensorHealthList(BaseModel):
    success: Literal[True] = True
    devices: dict[str, SensorHealth]
    count: int


class Anomaly(BaseModel):
    """A value that was beyond a limit for as long as the limit asks."""

    id: int
    device_id: str
    timestamp: float = Field(description="Seconds since 1970: when it went beyond.")
    anomaly_type: str
    severity: str
    confidence: float | None = Field(description="Null: a limit is passed or not.")
    description: str
    sensor_data: dict[str, Any]
    created_at: datetime


class AnomalyList(BaseModel):
    success: Literal[True] = True
    anomalies: list[Anomaly]
    count: int
    filters: dict[str, Any]


class Statistics(BaseModel):
    """A day (UTC) of a device; null where no value was valid."""

    device_id: str
    date: date
    avg_temperature: float | None
    max_temperature: float | None
    min_temperature: float | None
    avg_vibration: float | None = Field(description="In g, without gravity.")
    max_vibration: float | None
    avg_power_consumption: float | None
    max_power_consumption: float | None
    total_readings: int
    anomaly_count: int


class StatisticsAnswer(BaseModel):
    success: Literal[True] = True
    device_id: str
    statistics: Statistics


class Monitoring(BaseModel):
    is_monitoring: bool = Field(description="Whether limits were looked at within the last minute.")
    total_devices: int
    online_devices: int
    offline_devices: int
    critical_devices: int
    warning_devices: int
    normal_devices: int
    total_alerts: int = Field(description="Alarms of the last 24 hours, and those still open.")
    unresolved_alerts: int
    health_check_interval: float = Field(description="Seconds.")
    offline_threshold: float = Field(description="Seconds, of a node whose own rhythm is not known.")


class DatabaseSize(BaseModel):
    """Of the whole system; administrators only. Rows are PostgreSQL's estimates."""

    sensor_readings: int
    anomalies: int
    devices: int
    statistics: int
    database_size_bytes: int
    database_size_mb: float
    queue_size: int = Field(description="Notes of minutes that are not rolled up yet.")


class SystemStatus(BaseModel):
    monitoring: Monitoring
    database: DatabaseSize | None
    timestamp: float


class SystemStatusAnswer(BaseModel):
    success: Literal[True] = True
    system_status: SystemStatus
