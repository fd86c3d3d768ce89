"""The engine of one process, made after the fork, on first use."""

from functools import lru_cache

from sqlalchemy import Engine, create_engine

from signalcraft.settings import Settings, get_settings

STATEMENT_TIMEOUT_MS = 30_000
"""No request or task needs a longer statement; a runaway query must not hold a connection for ever."""
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
"""A process that hangs inside a transaction must not hold its locks."""


def make_engine(settings: Settings, *, application_name: str = "signalcraft") -> Engine:
    """An engine with a pool sized by the settings.

    `pool_pre_ping` costs one round trip a checkout and spares users an error after the server restarted.
    """
    return create_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "application_name": application_name,
            "connect_timeout": 5,
            "options": (
                f"-c statement_timeout={STATEMENT_TIMEOUT_MS} "
                f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c timezone=UTC"
            ),
        },
    )


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """The engine of this process. Call it after the fork only."""
    return make_engine(get_settings())
