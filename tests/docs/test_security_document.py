"""docs/security.md has a line for each requirement of levels 1 and 2, and names only what exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text()

SECTIONS = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "10": (2, 2, 4, 11, 5, 2, 3),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
    "17": (1, 4, 2),
}
"""How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; they come first in each."""


def required() -> list[str]:
    return [
        f"{chapter}.{section}.{number}"
        for chapter, sections in SECTIONS.items()
        for section, count in enumerate(sections, 1)
        for number in range(1, count + 1)
    ]


def answered() -> list[str]:
    """The numbers in the first column, `1.2.6 to 1.2.8` spelled out."""
    found = []
    for cell in re.findall(r"^\| (\d+\.\d+\.\d+[\d., to]*) \|", DOCUMENT, re.MULTILINE):
        for part in cell.split(", "):
            first, _, last = part.partition(" to ")
            section, _, begin = first.rpartition(".")
            end = (last or first).rpartition(".")[2]
            found += [f"{section}.{number}" for number in range(int(begin), int(end) + 1)]
    return found


def test_each_requirement_of_level_two_has_one_line() -> None:
    assert len(required()) == 253
    assert sorted(answered()) == sorted(required())


def test_each_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", DOCUMENT)
    assert len(named) > 100
    missing = [
        f"{file} {name}"
        for file, name in named
        if not (ROOT / file).is_file()
        or (name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert missing == []
