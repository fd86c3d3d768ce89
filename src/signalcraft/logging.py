"""Structured logs: one JSON object a line on standard output, which PM2 keeps per process.

Every line carries time, level, logger, release and colour, and the request id that follows a clip from its
upload through the queue to the alarm.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog
from gunicorn.glogging import Logger as _GunicornLogger

from signalcraft.masking import masked_within
from signalcraft.settings import Settings, get_settings

bind = structlog.contextvars.bind_contextvars
bound = structlog.contextvars.bound_contextvars
clear = structlog.contextvars.clear_contextvars
get_logger = structlog.stdlib.get_logger


_reporters: list[Callable[[BaseException], object]] = []


def on_exception(report: Callable[[BaseException], object]) -> None:
    """Have exceptions that are logged as errors reported too."""
    _reporters[:] = [report]


def request_id() -> str | None:
    """The id of the request or task that is being worked on."""
    value = structlog.contextvars.get_contextvars().get("request_id")
    return value if isinstance(value, str) else None


# Made once: `json.dumps` makes one for each line when it is told anything.
_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _written(event: Mapping[str, Any], **_: Any) -> str:
    return _encode(event)


def configure(settings: Settings, process: str) -> None:
    """Send every logger of the process, ours and the libraries', through one JSON renderer."""

    def add_process(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["process"] = process
        event["release"] = settings.release
        event["colour"] = settings.colour
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
        _report_exception,
        structlog.processors.format_exc_info,
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_written),
            ],
        )
    )
    # What no line shows need not be found out: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for noisy in (
        "httpx",
        "httpcore",
        "kombu",
        "amqp",
        "celery.app.trace",
        "celery.worker.strategy",
        "celery.beat",
        "alembic.runtime.plugins",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Take secrets and personal data out of every text, that of an exception too."""
    event.update(masked_within({key: value for key, value in event.items() if not key.startswith("_")}))
    return event


def _report_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Tell `on_exception` while there still is an exception and not its text."""
    given = event.get("exc_info")
    if given and event.get("level") in ("error", "critical"):
        error = (
            given
            if isinstance(given, BaseException)
            else (given if isinstance(given, tuple) else sys.exc_info())[1]
        )
        if error is not None:
            for report in _reporters:
                report(error)
    return event


class GunicornLogger(_GunicornLogger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's own lines in the same stream; `logger_class` in the gunicorn configuration."""

    def setup(self, cfg: Any) -> None:
        configure(get_settings(), cfg.proc_name or "gunicorn")
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(get_settings().log_level)
        self.access_log.handlers = []
        self.access_log.propagate = True
