"""Which migration this code needs and which the database has, without loading Alembic into every process."""

from pathlib import Path

from sqlalchemy import Engine, text

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def needed() -> str:
    """The newest revision in the package: files are named `<revision>_<what>.py`, counted up."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))


def current(engine: Engine) -> str | None:
    """The revision that the database is at."""
    with engine.connect() as connection:
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision
