"""Documents that can drift from the code are compared with it."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from typer.main import get_command

from signalcraft.cli import app
from signalcraft.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"[\w.-]+(/[\w.-]+)+(\.\w+|/)")


def prose(document: Path) -> str:
    """The document without its code blocks."""
    return _FENCE.sub("", document.read_text())


def headings(document: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(document), re.MULTILINE)]


def anchors(document: Path) -> set[str]:
    """What a heading is called in a link, as GitHub makes it."""
    titles = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(document: Path) -> Iterator[tuple[str, str]]:
    """(program, command) of every `make …` and `signalcraft …` in code."""
    text = document.read_text()
    code = [*_CODE.findall(prose(document)), *(match.group() for match in _FENCE.finditer(text))]
    for snippet in code:
        yield from re.findall(r"(?:^|[\s/])(make|signalcraft) ([a-z][a-z-]*)", snippet)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    """Paths in the repository, or below the package: `fleet/service.py`."""
    named = [code for code in _CODE.findall(prose(document)) if _FILE.fullmatch(code)]
    folders = (ROOT, ROOT / "src" / "signalcraft", ROOT / "src" / "signalcraft" / "web")
    ours = [name for name in named if any((folder / name.split("/")[0]).exists() for folder in folders)]
    assert [name for name in ours if not any((folder / name).exists() for folder in folders)] == []


def test_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {"make": targets, "signalcraft": set(get_command(app).commands)}
    wrong = [
        f"{document.name}: {program} {command}"
        for document in DOCUMENTS
        for program, command in commands(document)
        if command not in known[program]
    ]
    assert not wrong


def test_readme_names_every_command() -> None:
    named = set(commands(ROOT / "README.md"))
    assert {("signalcraft", name) for name in get_command(app).commands} <= named


def test_both_readmes_have_the_same_build() -> None:
    english, korean = ROOT / "README.md", ROOT / "README.ko.md"
    assert headings(english) == headings(korean)
    assert list(commands(english)) == list(commands(korean))


def test_every_dependency_says_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *groups["build"], *groups["dev"]]
    declared = {re.split(r"[<>=~!]", name)[0] for name in wanted if isinstance(name, str)}
    text = (ROOT / "docs" / "dependencies.md").read_text()
    explained = re.findall(r"^\| `([^`]+)` \| \S", text, re.MULTILINE)
    assert sorted(explained) == sorted(declared)


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    files = {path.name for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert set(re.findall(r"\(decisions/([\w.-]+\.md)\)", index)) == files


def test_every_document_is_in_the_index() -> None:
    index = set(_LINK.findall((ROOT / "docs" / "README.md").read_text()))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= index


ENVIRONMENT_LINES = (ROOT / ".env.example").read_text().splitlines()
SHOWN = dict(line[2:].split("=", 1) for line in ENVIRONMENT_LINES if re.match(r"# [A-Z_]+=", line))
"""Variable to the value that `.env.example` shows."""


def variable(name: str) -> str:
    """What the setting is called in the environment."""
    alias = Settings.model_fields[name].validation_alias
    return f"SIGNALCRAFT_{name.upper()}" if alias is None else str(alias.choices[0])


def test_environment_example_has_every_setting_and_nothing_else() -> None:
    assert sorted(SHOWN) == sorted(variable(name) for name in Settings.model_fields)


def test_environment_example_explains_every_setting() -> None:
    unexplained = [
        line
        for before, line in pairwise(ENVIRONMENT_LINES)
        if re.match(r"# [A-Z_]+=", line) and not re.match(r"# .{10,}", before)
    ]
    assert not unexplained


def test_environment_example_shows_the_real_defaults() -> None:
    fields = Settings.model_fields
    given = {name: SHOWN[variable(name)] for name, field in fields.items() if not field.is_required()}
    given = {name: value for name, value in given.items() if value}
    required = {name: "given" for name, field in fields.items() if field.is_required()}
    example = Settings(_env_file=None, **required, **given)
    defaults = {name: fields[name].default for name in given} | {"data_dir": Path("var").absolute()}
    assert {name: getattr(example, name) for name in given} == defaults
