"""Entry point of the scheduler: `celery -A signalcraft.worker.scheduler:celery beat`.

It names tasks and knows none of their code, so that it stays small.
"""

from typing import Any

from celery import Celery, signals

from signalcraft import logging
from signalcraft.observability.sentry import start_sentry
from signalcraft.queue import make_celery
from signalcraft.settings import get_settings
from signalcraft.worker.metrics import count_schedule

SWEEP_SECONDS = 5.0
"""How long a clip waits at most after its queue message or its worker was lost (plus its lease)."""

MINUTE_SECONDS = 60.0
"""How long a mail waits at most after its queue message was lost."""

HOUR_SECONDS = 3600.0


def create_celery() -> Celery:
    settings = get_settings()
    start_sentry(settings, "scheduler")
    celery = make_celery(settings)
    count_schedule()
    # Intervals only: the schedule needs no memory, since each task finds its work in the database.
    celery.conf.beat_schedule = {
        "acoustics.sweep": {
            "task": "acoustics.sweep",
            "schedule": SWEEP_SECONDS,
            # A sweep that waited behind a backlog is of no use: the next one does the same.
            "options": {"expires": SWEEP_SECONDS},
        },
        "acoustics.join_waiting_fragments": {
            "task": "acoustics.join_waiting_fragments",
            "schedule": 60.0,
            "options": {"expires": 60.0},
        },
        "acoustics.refit": {
            # Each baseline once a day; a look each hour spreads the work and forgives a restart.
            "task": "acoustics.refit",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
        "acoustics.sweep_objects": {
            "task": "acoustics.sweep_objects",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
        "acoustics.forget_probed": {
            "task": "acoustics.forget_probed",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
        "fleet.expire_commands": {
            "task": "fleet.expire_commands",
            "schedule": 30.0,
            "options": {"expires": 30.0},
        },
        "fleet.step_rollouts": {
            "task": "fleet.step_rollouts",
            "schedule": 15.0,
            "options": {"expires": 15.0},
        },
        "telemetry.follow_thresholds": {
            # What no message told of. An alarm is to ring within two seconds of its reading.
            "task": "telemetry.follow_thresholds",
            "schedule": 1.0,
            "options": {"expires": 1.0, "priority": 0},
        },
        "telemetry.look_again": {
            "task": "telemetry.look_again",
            "schedule": 60.0,
            "options": {"expires": 60.0},
        },
        "telemetry.look_for_devices": {
            "task": "telemetry.look_for_devices",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
        "telemetry.roll_up": {
            "task": "telemetry.roll_up",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
        "telemetry.maintain_partitions": {
            "task": "telemetry.maintain_partitions",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
        "accounts.answer_requests": {
            "task": "accounts.answer_requests",
            "schedule": MINUTE_SECONDS,
            "options": {"expires": MINUTE_SECONDS},
        },
        "accounts.sweep_sessions": {
            "task": "accounts.sweep_sessions",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
        "mail.sweep": {
            "task": "mail.sweep",
            "schedule": MINUTE_SECONDS,
            "options": {"expires": MINUTE_SECONDS},
        },
        "realtime.drop_old_events": {
            "task": "realtime.drop_old_events",
            "schedule": HOUR_SECONDS,
            "options": {"expires": HOUR_SECONDS},
        },
    }
    return celery


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: Any) -> None:
    logging.configure(get_settings(), "scheduler")


celery = create_celery()
