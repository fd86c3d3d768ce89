"""How this project connects to a PostgreSQL, its own or one elsewhere: where, how safely, for how long."""

import ssl
from ipaddress import ip_address
from typing import Any

from sqlalchemy.engine import URL, make_url

from signalcraft.db.limits import CONNECT_SECONDS, SILENT_SECONDS, Limits
from signalcraft.settings import Settings


def application_url(settings: Settings) -> URL:
    return _safe(make_url(settings.database_url.get_secret_value()), settings)


def owner_url(settings: Settings) -> URL:
    """The role that may change tables; the application's own where no other is set."""
    given = settings.database_owner_url
    return (
        _safe(make_url(given.get_secret_value()), settings)
        if has_owner(settings) and given
        else (application_url(settings))
    )


def has_owner(settings: Settings) -> bool:
    """Whether the tables belong to another role than the application's."""
    given = settings.database_owner_url
    return given is not None and bool(given.get_secret_value())


def replica_url(settings: Settings) -> URL | None:
    given = settings.database_replica_url
    return _safe(make_url(given.get_secret_value()), settings) if given and given.get_secret_value() else None


def server_url(url: str, settings: Settings) -> URL:
    """Another role's URL on the server, as safe as ours."""
    return _safe(make_url(url), settings)


def connect_arguments(limits: Limits, *, application_name: str, pooler: bool) -> dict[str, Any]:
    """Arguments of libpq and psycopg.

    Behind a pooler in transaction mode a connection is another session in each transaction: what is set once,
    and statements that are prepared once, would be found by somebody else. The times are then set in each
    transaction.
    """
    arguments: dict[str, Any] = {
        "application_name": application_name,
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": SILENT_SECONDS,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENT_SECONDS * 1000,
    }
    if pooler:
        return arguments | {"prepare_threshold": None}
    times = " ".join(f"-c {name}={value}" for name, value in limits.session_settings.items())
    return arguments | {"options": f"{times} -c timezone=UTC"}


def libpq_parameters(url: URL) -> dict[str, Any]:
    """The URL for psycopg itself."""
    parts = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    return {**url.query, **{name: part for name, part in parts.items() if part}, "dbname": url.database}


def _safe(url: URL, settings: Settings) -> URL:
    """The URL with TLS and the server's name checked, unless it says itself how, or stays on this machine.

    libpq's own default (`prefer`) gives the password to whoever answers.
    """
    if "sslmode" in url.query or _is_local(url):
        return url
    trusted = settings.database_ca_file or ssl.get_default_verify_paths().cafile or "system"
    return url.update_query_dict({"sslmode": "verify-full", "sslrootcert": trusted})


def _is_local(url: URL) -> bool:
    host = url.host or str(url.query.get("host", ""))
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
