"""What the monitoring page shows, and what the old server's addresses of the same name answer."""

from datetime import datetime, timedelta
from typing import Never

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.dashboards import system_queries
from signalcraft.dashboards.monitoring_schemas import (
    History,
    Now,
    OldAlert,
    OldAlerts,
    OldStats,
    OldStatsAnswer,
    OldStatus,
    ReleaseMark,
    Section,
    SectionHistory,
)
from signalcraft.errors import ConflictError, UnavailableError
from signalcraft.observability import monitor_history, monitor_samples

LONGEST_HOURS = 7 * 24
_LOOK_S = 10
_SILENT = timedelta(minutes=1)
"""Six looks that did not come: the monitor is down."""
_POINTS = 400
"""Of a chart: a screen has about so many places across."""


def now(session: Session, *, since: datetime | None = None) -> Now:
    """The newest look at each section; with `since` only those that are newer."""
    found = monitor_samples.sections(session)
    newest = max((section.taken_at for section in found), default=None)
    return Now(
        generated_at=utc_now(),
        running=_is_running(newest),
        sections=[
            Section(name=section.name, taken_at=section.taken_at, document=section.document)
            for section in found
            if since is None or section.taken_at > since
        ],
    )


def history(session: Session, *, hours: int) -> History:
    """The numbers of the last hours, as many points as a chart can show."""
    since = utc_now() - timedelta(hours=hours)
    span_s = max(_LOOK_S, hours * 3600 // _POINTS)
    columns = monitor_history.columns(monitor_samples.samples(session, since=since), span_s)
    return History(
        hours=hours,
        span_s=span_s,
        sections={
            name: SectionHistory(
                taken_at=[round(moment.timestamp() * 1000) for moment in found.taken_at],
                numbers=found.numbers,
            )
            for name, found in columns.items()
        },
        releases=[
            ReleaseMark(seen_at=mark.seen_at, colour=mark.colour, release=mark.release)
            for mark in monitor_samples.releases(session, since=since)
        ],
    )


def old_status(session: Session) -> OldStatus:
    """Whether the monitor is at work."""
    newest = max((section.taken_at for section in monitor_samples.sections(session)), default=None)
    running = _is_running(newest)
    return OldStatus(
        is_running=running,
        check_interval=_LOOK_S,
        last_check=newest,
        message="모니터링이 실행 중입니다" if running else "모니터링이 실행되고 있지 않습니다",
    )


def require_running(session: Session) -> OldStatus:
    """The same where it is at work.

    Raises
    ------
    UnavailableError
        It is not, and nobody can start it from here.
    """
    status = old_status(session)
    if not status.is_running:
        raise UnavailableError(
            "The monitor does not run. The operator starts it with `signalcraft up`."
            " 모니터링 프로세스가 멈춰 있습니다. 운영자가 `signalcraft up`으로 시작해야 합니다."
        )
    return status


def refuse_stop() -> Never:
    """Raises ConflictError: what watches over the system is not switched off over the network."""
    raise ConflictError(
        "The monitor always runs and cannot be stopped from here."
        " 모니터링은 항상 실행되며 여기서 멈출 수 없습니다."
    )


def old_stats(session: Session, *, hours: int) -> OldStatsAnswer:
    """Analyses of the last hours, and the alarms that are open now."""
    verdicts = system_queries.verdicts(session, since=utc_now() - timedelta(hours=hours))
    total, anomalous = sum(verdicts.values()), verdicts.get("anomalous", 0)
    stats = OldStats(
        total_analyses=total,
        anomaly_count=anomalous,
        normal_count=verdicts.get("normal", 0),
        active_alerts=sum(system_queries.open_alarms(session).values()),
        anomaly_rate=anomalous / total if total else 0.0,
        time_range_hours=hours,
    )
    return OldStatsAnswer(stats=stats, message=f"최근 {hours}시간 통계")


def old_alerts(session: Session, *, limit: int) -> OldAlerts:
    """The newest alarms of all shops."""
    alerts = [
        OldAlert(
            type=alarm.condition,
            message=alarm.summary["ko"],
            severity=alarm.severity,
            timestamp=alarm.raised_at,
            resolved=alarm.cleared_at is not None,
        )
        for alarm in system_queries.newest_alarms(session, limit=limit)
    ]
    return OldAlerts(alerts=alerts, message=f"알림 {len(alerts)}건")


def _is_running(newest: datetime | None) -> bool:
    return newest is not None and utc_now() - newest < _SILENT
