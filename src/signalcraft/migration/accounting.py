"""Does it add up? For each table, each day of each device, and the target itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from signalcraft.bilingual import Text
from signalcraft.db import schema_version
from signalcraft.migration import readings, statistics
from signalcraft.migration.field_files import FileAccount
from signalcraft.migration.plan import FilePlan, TablePlan
from signalcraft.migration.state import Archive
from signalcraft.telemetry.quality import RANGES

if TYPE_CHECKING:
    from signalcraft.migration.run import Result

FILES = "*"
"""Stands for the many JSON and sound files; their rejects are in `legacy.documents`."""
OUTCOMES = ("inserted", "merged", "duplicate", "rejected")


@dataclass(frozen=True)
class Account:
    """One source table: read = inserted + merged + duplicate + rejected."""

    file: str
    table: str
    target: str
    """Where it went; `legacy` where it is archived only."""
    in_file: int
    read: int
    inserted: int
    merged: int
    duplicate: int
    rejected: int
    reasons: dict[str, int]
    sha256: str
    """Of the checksums of all windows in order: the same bytes in the file and in the archive."""
    damaged: bool = False

    @property
    def adds_up(self) -> bool:
        complete = self.damaged or self.read == self.in_file
        return complete and self.read == self.inserted + self.merged + self.duplicate + self.rejected


@dataclass(frozen=True)
class Check:
    name: Text
    ok: bool
    detail: Text


def account(
    connection: psycopg.Connection,
    result: "Result",
    archives: Sequence[tuple[FilePlan, TablePlan, Archive]],
    files: Sequence[FileAccount],
) -> None:
    """Fill in the accounts and checks of a run."""
    result.accounts = [
        *(_account(connection, plan, archive) for _, plan, archive in archives),
        *(_file_account(found) for found in files),
    ]
    result.checks = [
        _tables(result.accounts),
        _archive(connection, archives),
        _rejects(connection, result.accounts),
        _days(connection),
        *_target(connection),
    ]
    result.facts["devices_in_mps2"] = _names(
        connection,
        "SELECT d.device_id FROM devices d WHERE d.vibration_unit = 'm/s2' "
        "AND d.id IN (SELECT device_id FROM legacy.devices) ORDER BY 1",
    )
    result.facts["statistics"] = statistics.compare(connection)


def _account(connection: psycopg.Connection, plan: TablePlan, archive: Archive) -> Account:
    totals = connection.execute(
        "SELECT coalesce(sum(rows), 0), coalesce(sum(inserted), 0), coalesce(sum(merged), 0), "
        "coalesce(sum(duplicate), 0), coalesce(sum(rejected), 0), "
        "encode(sha256(coalesce(string_agg(digest, ''::bytea ORDER BY number), ''::bytea)), 'hex') "
        "FROM legacy.windows WHERE table_id = %s",
        [archive.table_id],
    ).fetchone()
    assert totals is not None  # noqa: S101  # an aggregate has a row
    read, *counts = (int(n) for n in totals[:5])
    if plan.target is None:
        counts = [read, 0, 0, 0]
    elif plan.target != "readings":
        found: dict[str, int] = dict(
            connection.execute(
                "SELECT outcome, count(*) FROM legacy.outcomes WHERE table_id = %s GROUP BY outcome",
                [archive.table_id],
            ).fetchall()
        )
        counts = [found.get(outcome, 0) for outcome in OUTCOMES]
    reasons = connection.execute(
        "SELECT reason, count(*) FROM legacy.rejects WHERE table_id = %s GROUP BY reason ORDER BY 2 DESC, 1",
        [archive.table_id],
    ).fetchall()
    inserted, merged, duplicate, rejected = counts
    return Account(
        file=archive.file,
        table=archive.table,
        target=plan.target or "legacy",
        in_file=plan.table.rows,
        read=read,
        inserted=inserted,
        merged=merged,
        duplicate=duplicate,
        rejected=rejected,
        reasons=dict(reasons),
        sha256=str(totals[5]),
        damaged=plan.table.damaged is not None,
    )


def _file_account(found: FileAccount) -> Account:
    return Account(
        file=FILES,
        table=found.kind,
        target=found.target,
        in_file=found.read,
        read=found.read,
        inserted=found.inserted,
        merged=found.merged,
        duplicate=0,
        rejected=found.rejected,
        reasons=dict(found.reasons),
        sha256=found.digest.hexdigest(),
    )


def _tables(accounts: Sequence[Account]) -> Check:
    wrong = [f"{account.file} {account.table}" for account in accounts if not account.adds_up]
    rows = sum(account.read for account in accounts)
    return Check(
        Text(ko="읽은 행 = 저장 + 병합 + 중복 + 거부", en="Read = inserted + merged + duplicate + rejected"),
        not wrong,
        _listed(
            wrong, Text(ko=f"{len(accounts)}개 표, {rows:,}행", en=f"{len(accounts)} tables, {rows:,} rows")
        ),
    )


def _archive(
    connection: psycopg.Connection, archives: Sequence[tuple[FilePlan, TablePlan, Archive]]
) -> Check:
    """The archive holds as many rows as were read; the windows' checksums were compared one by one."""
    wrong = []
    for _, _, archive in archives:
        row = connection.execute(
            sql.SQL(
                "SELECT (SELECT count(*) FROM {}), "
                "(SELECT coalesce(sum(rows), 0) FROM legacy.windows WHERE table_id = %s)"
            ).format(archive.identifier()),
            [archive.table_id],
        ).fetchone()
        if row is None or row[0] != row[1]:
            wrong.append(archive.relation)
    return Check(
        Text(ko="보관된 행과 검사합", en="Archived rows and checksums"),
        not wrong,
        _listed(
            wrong,
            Text(
                ko="모든 행을 다시 읽어 SHA-256이 원본과 같음을 확인",
                en="all rows read back, SHA-256 the same as the file's",
            ),
        ),
    )


def _rejects(connection: psycopg.Connection, accounts: Sequence[Account]) -> Check:
    rejected = sum(account.rejected for account in accounts if account.file != FILES)
    row = connection.execute("SELECT count(*) FROM legacy.rejects").fetchone()
    listed = row[0] if row else 0
    return Check(
        Text(ko="거부된 행의 목록", en="Every rejected row is listed"),
        listed >= rejected,
        Text(
            ko=f"거부 {rejected:,}행, legacy.rejects {listed:,}행",
            en=f"{rejected:,} rejected, {listed:,} in legacy.rejects",
        ),
    )


def _days(connection: psycopg.Connection) -> Check:
    """Rows, times and values of each device and day: what was read against what `readings` holds."""
    compared, with_more, wrong, shown = _compared_days(connection)
    more = Text(
        ko=f", {with_more:,}일에는 다른 곳에서 온 측정값이 더 있음" if with_more else "",
        en=f", {with_more:,} of them hold further readings from elsewhere" if with_more else "",
    )
    return Check(
        Text(ko="장치·날짜별 행 수, 시각, 값의 합", en="Rows, times and values of each device and day"),
        not wrong,
        _listed(
            shown,
            Text(
                ko=f"{compared:,} 장치·날짜가 같음{more.ko}",
                en=f"{compared:,} device-days are equal{more.en}",
            ),
        ),
    )


def _compared_days(connection: psycopg.Connection) -> tuple[int, int, int, list[str]]:
    """Device-days compared, those with more readings than were read, those that differ, and some of these.

    In the database, for there may be a million device-days.
    """
    span = connection.execute("SELECT min(day), max(day) FROM legacy.device_days").fetchone()
    if span is None or span[0] is None:
        return 0, 0, 0, []
    sums = ", ".join(f"sum(sums[{n}])" for n in range(1, 2 + len(RANGES)))
    fields = ", ".join(
        f"coalesce(sum(round({name}::float8 * {readings.SUM_SCALE})::bigint), 0)" for name in RANGES
    )
    row = connection.execute(
        "WITH expected AS ("  # noqa: S608  # our own column names
        f"SELECT device_id, day, sum(rows) AS rows, ARRAY[{sums}] AS sums FROM legacy.device_days "
        "GROUP BY 1, 2"
        "), actual AS (SELECT device_id, day, count(*) AS rows, ARRAY["
        "sum(round(date_part('epoch', measured_at) * 1e6)::bigint "
        f"- (day - date '1970-01-01') * 86400000000), {fields}]::numeric[] AS sums "
        "FROM (SELECT *, measured_at::date AS day FROM readings "
        "WHERE measured_at >= %s AND measured_at < %s::date + 1) r GROUP BY 1, 2"
        "), compared AS (SELECT *, coalesce(a.rows, 0) AS stored, e.rows AS read, "
        "coalesce(a.rows, 0) < e.rows OR a.rows = e.rows AND a.sums <> e.sums AS wrong "
        "FROM expected e LEFT JOIN actual a USING (device_id, day)) "
        "SELECT count(*), count(*) FILTER (WHERE stored > read), count(*) FILTER (WHERE wrong), "
        "(array_agg(format('device %%s, %%s: %%s read, %%s stored', device_id, day, read, stored)) "
        "FILTER (WHERE wrong))[1:10] FROM compared",
        [span[0], span[1]],
    ).fetchone()
    assert row is not None  # noqa: S101  # an aggregate has a row
    return row[0], row[1], row[2], row[3] or []


def _target(connection: psycopg.Connection) -> list[Check]:
    """Schema, constraints, sequences and references of the target."""
    version = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    needed = schema_version.needed()
    unvalidated = _names(
        connection,
        "SELECT conrelid::regclass || '.' || conname FROM pg_constraint "
        "WHERE NOT convalidated AND connamespace IN ('public'::regnamespace, 'legacy'::regnamespace)",
    )
    behind = _sequences_behind(connection)
    homeless = _names(
        connection,
        "SELECT r.device_id FROM (SELECT DISTINCT device_id FROM legacy.device_days) r "
        "WHERE NOT EXISTS (SELECT FROM devices d WHERE d.id = r.device_id)",
    )
    administrators = _names(
        connection,
        "SELECT DISTINCT u.username FROM users u JOIN legacy.outcomes o ON o.target = 'users' "
        "AND o.target_id = u.id AND o.outcome = 'inserted' WHERE u.role = 'admin'",
    )
    return [
        Check(
            Text(ko="대상 스키마", en="Schema of the target"),
            version is not None and version[0] == needed,
            Text(ko=f"버전 {needed}", en=f"version {needed}"),
        ),
        Check(
            Text(ko="제약 조건과 외래 키", en="Constraints and foreign keys"),
            not unvalidated,
            _listed(unvalidated, Text(ko="모두 검증됨", en="all validated")),
        ),
        Check(
            Text(ko="시퀀스", en="Sequences"),
            not behind,
            _listed(behind, Text(ko="모두 가장 큰 번호 이후", en="all at or past the highest number")),
        ),
        Check(
            Text(ko="옮긴 모든 측정값의 장치가 있음", en="Every moved reading's device exists"),
            not homeless,
            _listed(homeless, Text(ko="예", en="yes")),
        ),
        Check(
            Text(ko="가져온 관리자 없음", en="Nobody became administrator"),
            not administrators,
            _listed(administrators, Text(ko="예", en="yes")),
        ),
    ]


def _sequences_behind(connection: psycopg.Connection) -> list[str]:
    behind = []
    columns = connection.execute(
        "SELECT table_schema, table_name, column_name, pg_get_serial_sequence("
        "quote_ident(table_schema) || '.' || quote_ident(table_name), column_name) "
        "FROM information_schema.columns WHERE is_identity = 'YES' AND table_schema = 'public'"
    ).fetchall()
    for schema, table, column, sequence in columns:
        row = connection.execute(
            sql.SQL("SELECT (SELECT max({}) FROM {}), last_value FROM {}").format(
                sql.Identifier(column),
                sql.Identifier(schema, table),
                sql.SQL(sequence),
            )
        ).fetchone()
        if row and row[0] is not None and row[1] < row[0]:
            behind.append(f"{table}.{column}")
    return behind


def _names(connection: psycopg.Connection, query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(query)]


def _listed(wrong: Sequence[str], otherwise: Text) -> Text:
    """The first of what is wrong, or what is right."""
    if not wrong:
        return otherwise
    shown = "; ".join(wrong[:10]) + (f"; … ({len(wrong)})" if len(wrong) > 10 else "")
    return Text(ko=shown, en=shown)
