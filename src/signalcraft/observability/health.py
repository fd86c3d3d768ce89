"""What `/live`, `/ready` and `/version` answer on every web process."""

from typing import Any

import redis
from sqlalchemy.exc import SQLAlchemyError

from signalcraft.db import schema_version
from signalcraft.db.engine import get_engine
from signalcraft.realtime.connection import get_redis
from signalcraft.settings import get_settings


def ready_checks() -> dict[str, str | None]:
    """Each thing this process needs, with the reason why it is not there, or None.

    Redis is reported but does not make a process unready: without it everything works, only slower.
    """
    return {"database": _database(), "redis": _redis()}


def is_ready(checks: dict[str, str | None]) -> bool:
    return checks["database"] is None


def version() -> dict[str, Any]:
    settings = get_settings()
    return {"version": settings.release, "release": settings.release, "colour": settings.colour}


def _database() -> str | None:
    try:
        engine = get_engine()
        revision = schema_version.current(engine)
    except SQLAlchemyError as error:
        return f"unreachable ({type(error).__name__})"
    needed = schema_version.needed()
    # A newer schema suits older code too: during a deployment both are at work.
    enough = revision is not None and revision >= needed
    return None if enough else f"at migration {revision}, this code needs {needed}"


def _redis() -> str | None:
    try:
        get_redis().ping()
    except redis.RedisError as error:
        return f"unreachable ({type(error).__name__})"
    return None
