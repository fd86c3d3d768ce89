"""The Celery application: the same for those who put tasks on the queue and those who work on them.

A queued message is a hint that a row in PostgreSQL wants work. Every task is idempotent on its row, and a
sweeper queues again what a lost queue forgot, so the settings choose promptness over delivery guarantees.
"""

from celery import Celery

from signalcraft.queue_names import queue_of
from signalcraft.settings import Settings

TASK_MODULES = (
    "signalcraft.acoustics.tasks",
    "signalcraft.telemetry.tasks",
    "signalcraft.fleet.tasks",
    "signalcraft.realtime.tasks",
    "signalcraft.accounts.tasks",
    "signalcraft.mail.tasks",
)
"""Modules whose `@shared_task` functions the worker runs."""

UPKEEP_LIMIT_SECONDS = 600
"""For tasks that set no limit of their own: upkeep may list a day of sound in a distant bucket."""


def make_celery(settings: Settings) -> Celery:
    """The application, made current, so that `current_app` in the domains finds it."""
    celery = Celery("signalcraft", broker=settings.redis_url.get_secret_value(), set_as_current=True)
    # "Current" is a matter of one thread; the request threads of Gunicorn find the default.
    celery.set_default()
    celery.conf.update(
        task_default_queue=queue_of(settings),
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=UPKEEP_LIMIT_SECONDS,
        task_time_limit=UPKEEP_LIMIT_SECONDS + 10,
        # While Redis is away a request must not wait for it: the sweeper queues the row later.
        task_publish_retry=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # Longer than any analysis: what is unacknowledged for so long belongs to a worker that is gone.
            "visibility_timeout": 300,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            # A host that has vanished says nothing; the worker looks this often whether an answer is overdue.
            "health_check_interval": 10,
            "retry_on_timeout": False,
            # Without it a publisher tries to connect for seconds, whatever `task_publish_retry` says.
            "max_retries": 0,
            # One Redis list a step; the worker takes from the first that has something.
            "priority_steps": [0, 3, 6],
            "queue_order_strategy": "priority",
        },
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
        timezone="UTC",
    )
    return celery
