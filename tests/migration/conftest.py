"""A target without a `legacy` schema, and one call that migrates a folder into it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from signalcraft.bilingual import Text
from signalcraft.migration import report, run
from signalcraft.settings import Settings

Migrate = Callable[..., run.Result]


class Silent:
    """Nobody watches."""

    def stage(self, title: Text, total: int | None) -> None: ...

    def advance(self, rows: int) -> None: ...


@pytest.fixture
def target(database: None, owner_engine: Engine) -> Iterator[Engine]:
    yield owner_engine
    with owner_engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS legacy CASCADE"))


@pytest.fixture
def migrate(target: Engine, settings: Settings, tmp_path: Path) -> Migrate:
    """Migrates a folder as the command does; each call has a backup folder of its own."""
    runs = iter(range(100))

    def call(folder: Path, **options: Any) -> run.Result:
        backup = tmp_path / "backups" / str(next(runs))
        result = run.migrate(settings, run.Options(folder, backup, **options), Silent())
        report.write(result, backup)
        return result

    return call


@pytest.fixture
def rows_of(target: Engine) -> Callable[..., list[tuple[Any, ...]]]:
    """The rows of a query on the target."""

    def call(query: str, **values: Any) -> list[tuple[Any, ...]]:
        with target.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    return call
