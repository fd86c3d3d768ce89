"""The migrations make the tables that the code declares."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from signalcraft.db.engine import get_engine
from signalcraft.settings import Settings
from signalcraft.tables import Base


def test_migrated_tables_are_the_declared_ones(settings: Settings) -> None:
    with get_engine().connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_declared}
        )
        assert compare_metadata(context, Base.metadata) == []


def _is_declared(_: Any, name: str | None, kind: str, reflected: bool, __: Any) -> bool:
    """Partitions of the readings and Alembic's own table are not declared."""
    return not (kind == "table" and reflected and str(name).startswith(("readings_", "alembic_version")))
