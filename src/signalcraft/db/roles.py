"""The three roles of the database, made the same way on the embedded server and on one elsewhere.

    owner         owns the database and every table; migrations run as it, nothing else does
    application   reads and writes rows; cannot create, change, empty or drop a table. It may read what the
                  server says of all sessions (pg_read_all_stats), where the administrator may allow it
    reader        reads what a monitoring screen may show: no passwords, no sessions, no raw sound

Without an owner of its own (`DATABASE_OWNER_URL`) the application's role owns the tables, and only the reader
is made beside it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from signalcraft.db.connection import application_url, has_owner, owner_url, server_url
from signalcraft.errors import InvalidInputError
from signalcraft.settings import Settings

READABLE = (
    "alarm_transitions",
    "alarms",
    "alembic_version",
    "analyses",
    "backup_runs",
    "baselines",
    "clips",
    "device_commands",
    "device_states",
    "device_boots",
    "device_gravity",
    "devices",
    "firmware_images",
    "firmware_rollouts",
    "firmware_updates",
    "former_results",
    "heads",
    "incidents",
    "journey_hours",
    "kept_since",
    "listening",
    "machines",
    "monitor_releases",
    "monitor_samples",
    "monitor_sections",
    "node_settings",
    "notifications",
    "operator_alerts",
    "probe_hours",
    "readings",
    "readings_day",
    "readings_hour",
    "readings_minute",
    "rollup_backlog",
    "rollup_marks",
    "rollup_progress",
    "shops",
    "state_models",
    "threshold_excursions",
    "threshold_states",
    "threshold_work",
    "thresholds",
    "training_runs",
)
"""Tables that the reader may read."""
HIDDEN = (
    "account_requests",
    "api_tokens",
    "audit_head",
    "audit_records",
    "claim_codes",
    "clip_fragments",  # raw sound
    "consents",
    "device_keys",
    "external_identities",
    "imported_records",  # among them what single persons were told
    "invitations",
    "labels",  # what single persons answered
    "one_time_tokens",
    "outbox",  # what single persons are told
    "outbox_counter",
    "outgoing_mails",  # with the links in them
    "recovery_codes",
    "refresh_tokens",
    "runtime_settings",
    "second_factors",
    "sessions",
    "shop_members",
    "users",
)
"""Tables that it may not. A test wants every table in one of the two lists."""

KEPT: Mapping[str, str] = {
    "alembic_version": "INSERT, UPDATE, DELETE",
    "audit_head": "INSERT, UPDATE, DELETE",
    "audit_records": "UPDATE, DELETE",
}
"""What the application may not do to a table, beside what it may do to none."""

READER_CONNECTIONS = 5
"""A screen with many panels must not take the application's connections."""

_LOCK = 0x726F_6C65  # advisory lock: one process at a time grants
_ITERATIONS = 4096

Connect = Callable[[str | None], psycopg.Connection]
"""Connects the server's administrator, to its own database or to the named one."""


@dataclass(frozen=True)
class Role:
    name: str
    password: str


@dataclass(frozen=True)
class Roles:
    """The roles that an installation's settings name, and the database they share."""

    database: str
    application: Role
    owner: Role | None
    reader: Role | None

    @property
    def all(self) -> list[Role]:
        return [role for role in (self.owner, self.application, self.reader) if role is not None]


def roles_of(settings: Settings) -> Roles:
    application = application_url(settings)
    reader = settings.database_reader_url
    return Roles(
        database=application.database or "",
        application=_role(application),
        owner=_role(owner_url(settings)) if has_owner(settings) else None,
        reader=_role(server_url(reader.get_secret_value(), settings)) if reader else None,
    )


def make(connect: Connect, roles: Roles) -> None:
    """Make the roles and the database where they are missing, and set passwords, ownership and rights.

    Harmless when done again. Tables that the application's role still owns, as before there were three roles,
    go to the owner in the transaction that gives the application its rights: nobody notices.

    Parameters
    ----------
    connect : for an administrator who may create roles and databases; it need not be a superuser.
    """
    with connect(None) as connection:
        for statement in _server_statements(connection, roles):
            connection.execute(statement)
    with connect(roles.database) as connection, connection.transaction():
        if roles.owner:
            connection.execute(
                _composed(
                    "REASSIGN OWNED BY {application} TO {owner}",
                    application=roles.application,
                    owner=roles.owner,
                )
            )
        grant(connection, roles)


def grant(connection: psycopg.Connection, roles: Roles) -> None:
    """Give the roles their rights on the tables that there are now; after each migration, by the owner."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for statement in _grants(_tables(connection), roles):
        connection.execute(statement)


def _server_statements(connection: psycopg.Connection, roles: Roles) -> Iterator[sql.Composed]:
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    for role in roles.all:
        verb = "ALTER" if role.name in known else "CREATE"
        yield sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(role.name), sql.Literal(scram_verifier(role.password))
        )
    if roles.reader:
        for setting, value in (
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "30s"),
        ):
            yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(roles.reader.name), sql.Identifier(setting), sql.Literal(value)
            )
        yield sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(
            sql.Identifier(roles.reader.name), sql.Literal(READER_CONNECTIONS)
        )
    if _may_give_statistics(connection):
        yield _composed("GRANT pg_read_all_stats TO {role}", role=roles.application)
    yield from _database_statements(connection, roles)


def _may_give_statistics(connection: psycopg.Connection) -> bool:
    """Whether this administrator may let the monitor see others' sessions; else it sees our own."""
    row = connection.execute(
        "SELECT rolsuper OR pg_has_role('pg_read_all_stats', 'MEMBER WITH ADMIN OPTION')"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def _database_statements(connection: psycopg.Connection, roles: Roles) -> Iterator[sql.Composed]:
    holder = roles.owner or roles.application
    is_superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if not (is_superuser and is_superuser[0]):
        # Who creates a role may grant it, but does not yet act for it.
        for role in (holder, roles.application):
            yield _composed("GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE", role=role)
    there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [roles.database]).fetchone()
    verb = "ALTER DATABASE {} OWNER TO {}" if there else "CREATE DATABASE {} OWNER {}"
    database = sql.Identifier(roles.database)
    yield sql.SQL(verb).format(database, sql.Identifier(holder.name))
    yield sql.SQL("ALTER DATABASE {} SET timezone = 'UTC'").format(database)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
    for role in roles.all:
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role.name))


def _grants(tables: set[str], roles: Roles) -> Iterator[sql.Composed]:
    if roles.owner:
        application = roles.application
        yield _composed("GRANT USAGE ON SCHEMA public TO {role}", role=application)
        yield _composed(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}", role=application
        )
        yield _composed("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}", role=application)
        yield _composed("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}", role=application)
        for name in sorted(tables.intersection(KEPT)):
            yield sql.SQL("REVOKE {} ON {} FROM {}").format(
                sql.SQL(KEPT[name]), sql.Identifier("public", name), sql.Identifier(application.name)
            )
    if roles.reader:
        yield _composed("GRANT USAGE ON SCHEMA public TO {role}", role=roles.reader)
        if names := _identifiers(tables.intersection(READABLE)):
            yield sql.SQL("GRANT SELECT ON {} TO {}").format(
                sql.SQL(", ").join(names), sql.Identifier(roles.reader.name)
            )


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself is in no statement or log.

    Raises
    ------
    InvalidInputError
        The password has characters that clients might normalise differently.
    """
    if not password.isascii() or not password.isprintable() or not password:
        raise InvalidInputError("A password of the database must be of printable ASCII characters.")
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored_text}:{server_text}"


def _tables(connection: psycopg.Connection) -> set[str]:
    return {
        name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }


def _identifiers(names: Iterable[str]) -> list[sql.Identifier]:
    return [sql.Identifier("public", name) for name in sorted(names)]


def _composed(template: str, **roles: Role) -> sql.Composed:
    named = {place: sql.Identifier(role.name) for place, role in roles.items()}
    return sql.SQL(template).format(**named)


def _role(url: URL) -> Role:
    return Role(url.username or "", url.password or "")
