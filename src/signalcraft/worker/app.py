"""Entry point of the worker: `celery -A signalcraft.worker.app:celery worker`."""

import gc
from typing import Any

from celery import Celery, signals
from sentry_sdk.integrations.celery import CeleryIntegration

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from signalcraft import logging
from signalcraft.observability.sentry import begin, start_sentry
from signalcraft.queue import TASK_MODULES, make_celery
from signalcraft.settings import get_settings
from signalcraft.worker.metrics import count_tasks


def create_celery() -> Celery:
    settings = get_settings()
    start_sentry(settings, "worker", CeleryIntegration())
    celery = make_celery(settings)
    celery.conf.imports = TASK_MODULES
    count_tasks()
    return celery


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: Any) -> None:
    logging.configure(get_settings(), "worker")


@signals.worker_before_create_process.connect  # type: ignore[untyped-decorator]
def _share_what_is_loaded(**_: Any) -> None:
    """The collector would write to every page of it in each process of the pool, which then has its own."""
    gc.collect()
    gc.freeze()


@signals.task_prerun.connect  # type: ignore[untyped-decorator]
def _bind_request(task: Any = None, **_: Any) -> None:
    """Log lines of a task carry the id of the request that caused it."""
    request_id = (task.request.headers or {}).get("request_id") if task is not None else None
    begin()
    logging.clear()
    logging.bind(task=task.name if task is not None else None, request_id=request_id)


celery = create_celery()
