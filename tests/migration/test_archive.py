"""The archive holds every value as it was, whatever its column was declared to be."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from old_files import make

Rows = Callable[..., list[tuple[Any, ...]]]

VALUES = [
    None,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    0.1,
    -0.0,
    1e308,
    5e-324,
    math.inf,
    -math.inf,
    "",
    "냉동고",
    "e\u0301",
    "a\x00b",
    "tab\tnew\nline\\",
    b"",
    b"\x00\xff",
    b"\x01",
]


def restored(value: Any, odd: dict[str, list[str]] | None, column: str) -> tuple[str, Any]:
    """(storage class, value) of an archived value."""
    if odd and column in odd:
        kind, content = odd[column]
        if kind in {"text", "blob"}:
            return kind, bytes.fromhex(content)
        return kind, int(content) if kind == "integer" else float(content)
    kinds = {
        type(None): "null",
        int: "integer",
        float: "real",
        str: "text",
        bytes: "blob",
        memoryview: "blob",
    }
    kind = kinds[type(value)]
    return kind, value.encode() if kind == "text" else bytes(value) if kind == "blob" else value


def stored(value: Any) -> tuple[str, Any]:
    kinds = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}
    return kinds[type(value)], value.encode() if isinstance(value, str) else value


def test_every_storage_class_survives_in_every_column(tmp_path: Path, migrate: Any, rows_of: Rows) -> None:
    # Columns without a declared type convert nothing; each is mostly of one class and holds all others too.
    fills = {"i": 7, "r": 0.5, "t": "text", "b": b"blob"}
    rows = [[value] * 4 for value in VALUES] + [list(fills.values())] * 40
    rows.append([None, None, None, None])
    make(tmp_path / "old" / "odd.db", 'CREATE TABLE "Ünï x" (i, r, t, b)', {'"Ünï x"': rows})

    result = migrate(tmp_path / "old")

    assert result.adds_up
    [(relation,)] = rows_of("SELECT archive FROM legacy.tables")
    archived = rows_of(f'SELECT _rowid, i, r, t, b, _odd FROM legacy."{relation}" ORDER BY _rowid')  # noqa: S608
    assert [row[0] for row in archived] == list(range(1, len(rows) + 1))
    for row, original in zip(archived, rows, strict=True):
        for place, column in enumerate("irtb", 1):
            kind, value = restored(row[place], row[5], column)
            assert (kind, value) == stored(original[place - 1])
            if kind == "real":
                assert math.copysign(1, value) == math.copysign(1, original[place - 1])


def test_text_that_is_not_utf8_and_a_table_without_row_ids_survive(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    make(
        tmp_path / "old" / "a.db",
        "CREATE TABLE words (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;"
        "INSERT INTO words VALUES ('cp949', CAST(x'b0ad' AS TEXT)), ('plain', 'v')",
    )
    migrate(tmp_path / "old")
    assert rows_of("SELECT k, v, _odd->'v'->>1 FROM legacy.a__words ORDER BY k") == [
        ("cp949", None, "b0ad"),
        ("plain", "v", None),
    ]


def test_tables_of_one_name_stay_apart_and_new_columns_are_added(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    old = tmp_path / "old"
    make(old / "one" / "app.db", "CREATE TABLE ab_tests (a INTEGER)", {"ab_tests": [(1,)]})
    make(old / "two" / "app.db", "CREATE TABLE ab_tests (b TEXT)", {"ab_tests": [("x",)]})
    migrate(old)
    make(old / "two" / "app.db", "ALTER TABLE ab_tests ADD COLUMN c REAL", {"ab_tests": [("y", 1.5)]})
    result = migrate(old)
    assert result.adds_up
    relations = sorted(row[0] for row in rows_of("SELECT archive FROM legacy.tables"))
    assert relations == ["app__ab_tests", "two_app__ab_tests"]
    assert rows_of("SELECT b, c FROM legacy.two_app__ab_tests ORDER BY _rowid") == [("x", None), ("y", 1.5)]


def test_what_was_edited_or_removed_at_the_source_is_kept_as_it_was(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    path = make(tmp_path / "old" / "a.db", "CREATE TABLE t (v TEXT)", {"t": [("one",), ("two",), ("three",)]})
    migrate(tmp_path / "old")
    make(path, "UPDATE t SET v = 'TWO' WHERE v = 'two'; DELETE FROM t WHERE v = 'three'")
    assert migrate(tmp_path / "old").adds_up
    assert rows_of("SELECT v FROM legacy.a__t ORDER BY _rowid") == [("one",), ("TWO",)]
    assert rows_of("SELECT row_id, earlier->>'v' FROM legacy.superseded ORDER BY row_id") == [
        (2, "two"),
        (3, "three"),
    ]


def test_long_rows_are_done_in_smaller_steps(tmp_path: Path, migrate: Any, rows_of: Rows) -> None:
    pictures = [(bytes([n]) * 400_000,) for n in range(45)]
    make(tmp_path / "old" / "a.db", "CREATE TABLE pictures (b BLOB)", {"pictures": pictures})
    assert migrate(tmp_path / "old").adds_up
    assert rows_of("SELECT rows FROM legacy.windows ORDER BY number") == [(19,), (20,), (6,)]
    assert rows_of("SELECT sum(length(b)) FROM legacy.a__pictures") == [(45 * 400_000,)]
