"""Rules that no linter knows: who reads the environment, who commits."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "signalcraft"

READS_THE_ENVIRONMENT = {"settings.py"}
PASSES_AN_ENVIRONMENT_ON = {
    # Root's `signalcraft up` became another account: its children must not inherit root's HOME.
    "operations/account.py",
    # The password of a database reaches pg_dump and pg_restore where no list of processes shows it.
    "operations/backups/database.py",
    # Another program in an environment of its own: it gets the few variables that it needs.
    "operations/bugsink.py",
}
COMMITS = {
    "db/session.py",
    # Alembic's own connection, before a session can exist.
    "db/migrations/env.py",
}

_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def modules_with(*, names: set[str]) -> Iterator[str]:
    """Modules that use an attribute of one of these names, or import it."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            used = {node.attr} if isinstance(node, ast.Attribute) else set()
            if isinstance(node, ast.ImportFrom):
                used = {alias.name for alias in node.names}
            if used & names:
                yield file.relative_to(PACKAGE).as_posix()


def test_only_the_settings_read_the_environment() -> None:
    assert set(modules_with(names=_ENVIRONMENT)) == READS_THE_ENVIRONMENT | PASSES_AN_ENVIRONMENT_ON


def test_application_code_never_commits() -> None:
    assert set(modules_with(names={"commit"})) == COMMITS
