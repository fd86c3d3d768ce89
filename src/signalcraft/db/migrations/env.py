"""Alembic's environment: one transaction a migration, short lock waits, one migrator at a time."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from signalcraft.db import migrate
from signalcraft.db.limits import CONNECT_SECONDS
from signalcraft.tables import Base

MIGRATION_LOCK = 0x5169_6E61
"""Advisory lock number: «Sina»; held for the connection's life."""


def run() -> None:
    engine = create_engine(
        context.config.attributes["database_url"],
        poolclass=pool.NullPool,
        connect_args={"application_name": "signalcraft-migration", "connect_timeout": CONNECT_SECONDS},
    )
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET lock_timeout = {migrate.LOCK_TIMEOUT_MS}"))
        connection.execute(text(f"SET statement_timeout = {migrate.STATEMENT_TIMEOUT_MS}"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
