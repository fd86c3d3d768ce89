"""The engines of one process, made after the fork, on first use."""

from functools import lru_cache, partial
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from signalcraft import metrics
from signalcraft.db import failures
from signalcraft.db.connection import application_url, connect_arguments, owner_url, replica_url
from signalcraft.db.limits import CHECKOUT_SECONDS, Limits, limits
from signalcraft.settings import Settings, get_settings


def make_engine(settings: Settings, url: URL | None = None) -> Engine:
    """An engine with the share of this kind of process, for the application's role or another URL.

    `pool_pre_ping` costs one round trip a checkout and spares users an error after the server restarted.
    What was sent along with a statement stands in no error, and so in no log.
    """
    share = limits(settings)
    engine = _engine(
        settings,
        url or application_url(settings),
        pool_size=share.pool_size,
        max_overflow=share.pool_overflow,
        pool_pre_ping=True,
    )
    if settings.database_pooler:
        _set_times_in_each_transaction(engine, share)
    return engine


def make_owner_engine(settings: Settings) -> Engine:
    """Connections of the role that owns the tables, for commands that change them; none is kept."""
    return create_engine(
        owner_url(settings), poolclass=NullPool, connect_args={"application_name": _name(settings)}
    )


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """The engine of this process. Call it after the fork only."""
    return make_engine(get_settings())


@lru_cache(maxsize=1)
def get_look_engine() -> Engine:
    """The engine behind `session.look`: each statement is a transaction of its own.

    BEGIN, COMMIT, the ping before and the roll-back after are a way to the server and back each, together
    longer than a short look takes. Call it after the fork only.
    """
    settings = get_settings()
    return _engine(
        settings,
        application_url(settings),
        pool_size=max(1, limits(settings).looks),  # 0 would be as many as are asked for
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
    )


@lru_cache(maxsize=1)
def get_replica_engine() -> Engine | None:
    """The engine of the replica, or None where none is set. Call it after the fork only."""
    settings = get_settings()
    url = replica_url(settings)
    return None if url is None else make_engine(settings, url)


def _engine(settings: Settings, url: URL, **differing: Any) -> Engine:
    """What all engines of the application's role have in common."""
    engine = create_engine(
        url,
        pool_timeout=CHECKOUT_SECONDS,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args=connect_arguments(
            limits(settings), application_name=_name(settings), pooler=settings.database_pooler
        ),
        **differing,
    )
    event.listen(engine, "handle_error", _drop_old_connections)
    event.listen(engine, "handle_error", _forget_values)
    _count_connections(engine)
    return engine


def _name(settings: Settings) -> str:
    """What `pg_stat_activity` shows: signalcraft-api-blue."""
    return f"signalcraft-{settings.process}-{settings.colour}"


def _drop_old_connections(context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and failures.ends_connection(error):
        context.is_disconnect = True


def _count_connections(engine: Engine) -> None:
    for happening, gauge, change in (
        ("connect", metrics.CONNECTIONS_OPEN, 1),
        ("close", metrics.CONNECTIONS_OPEN, -1),
        ("checkout", metrics.CONNECTIONS_IN_USE, 1),
        ("checkin", metrics.CONNECTIONS_IN_USE, -1),
    ):
        event.listen(engine, happening, partial(_change, gauge, change))


def _change(gauge: Gauge, amount: int, *_: object) -> None:
    gauge.inc(amount)


def _forget_values(context: ExceptionContext) -> None:
    """Of a failed statement keep the message's first line: the next ones repeat the row that was refused."""
    if context.statement is None:
        return
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _set_times_in_each_transaction(engine: Engine, share: Limits) -> None:
    settings = share.session_settings
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    statement = text(f"SELECT {calls}")

    @event.listens_for(engine, "begin")
    def set_times(connection: Connection) -> None:
        connection.execute(statement)
