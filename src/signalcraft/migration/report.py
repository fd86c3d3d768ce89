"""The report of a run: HTML and Markdown in Korean and English for people, JSON for programs."""

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from signalcraft.bilingual import Text
from signalcraft.clock import iso, utc_now
from signalcraft.migration import findings, statistics
from signalcraft.migration.accounting import Account
from signalcraft.migration.plan import Plan
from signalcraft.migration.run import Result

Language = Literal["ko", "en"]
NAMES_SHOWN = 50

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{border:1px solid #ccc;padding:.25rem .6rem;
text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
th{background:#f3f3f3}.verdict{font-size:1.15rem;font-weight:600}"""


@dataclass
class Section:
    title: str
    sentences: list[str] = field(default_factory=list)
    header: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)


def verdict(result: Result) -> Text:
    """The sentence at the top and at the end of the command."""
    if result.adds_up:
        rows = sum(account.read for account in result.accounts)
        return Text(
            ko=f"모두 맞습니다: {rows:,}행을 읽어 보관하고 하나도 빠짐없이 정산했습니다.",
            en=f"It adds up: {rows:,} rows read, kept, and every one accounted for.",
        )
    wrong = [check.name for check in result.checks if not check.ok]
    what_ko = [check.ko for check in wrong] + [
        f"읽지 못한 파일 {file.source}" for file in result.plan.refused
    ]
    what_en = [check.en for check in wrong] + [
        f"unreadable file {file.source}" for file in result.plan.refused
    ]
    for name, gaps in result.gaps.items():
        missing = ", ".join(f"{gap.first}-{gap.last}" for gap in gaps[:5])
        what_ko.append(f"{name}: 손상된 페이지로 행 번호 {missing} 없음")
        what_en.append(f"{name}: row ids {missing} are lost to a damaged page")
    return Text(
        ko="맞지 않는 것이 있습니다: " + "; ".join(what_ko) + ".",
        en="It does not add up: " + "; ".join(what_en) + ".",
    )


def sections(result: Result, language: Language) -> list[Section]:
    def say(ko: str, en: str) -> str:
        return ko if language == "ko" else en

    options = result.options
    made = [
        Section(
            say("결과", "Result"),
            [
                getattr(verdict(result), language),
                say(
                    f"시간대가 없는 지역 시각은 {options.zone_name} 으로 읽었습니다(--zone). "
                    "SQLite의 CURRENT_TIMESTAMP는 언제나 UTC입니다.",
                    f"Naive local times were read as {options.zone_name} (--zone). "
                    "SQLite's own CURRENT_TIMESTAMP is always UTC.",
                ),
                *_facts(result, language),
            ],
        ),
        Section(
            say("확인", "Checks"),
            header=[say("항목", "check"), say("결과", "result"), say("내용", "detail")],
            rows=[
                [
                    getattr(c.name, language),
                    say("맞음", "yes") if c.ok else say("틀림", "NO"),
                    getattr(c.detail, language),
                ]
                for c in result.checks
            ],
        ),
        Section(
            say(
                "표마다: 읽음 = 저장 + 병합 + 중복 + 거부",
                "Each table: read = inserted + merged + duplicate + rejected",
            ),
            [
                say(
                    "`legacy`: 대응하는 자리가 없어 보관만 합니다. 검사합은 원본과 보관본에서 같습니다.",
                    "`legacy`: there is no counterpart, the rows are archived only. "
                    "The checksum is the same on both sides.",
                )
            ],
            [
                say("파일", "file"),
                say("표", "table"),
                say("옮긴 곳", "to"),
                say("읽음", "read"),
                say("저장", "inserted"),
                say("병합", "merged"),
                say("중복", "duplicate"),
                say("거부", "rejected"),
                "SHA-256",
            ],
            [
                [
                    a.file,
                    a.table,
                    a.target,
                    *(f"{n:,}" for n in (a.read, a.inserted, a.merged, a.duplicate, a.rejected)),
                    a.sha256[:16],
                ]
                for a in result.accounts
            ],
        ),
        Section(
            say("거부된 행", "Rejected rows"),
            [say("원문은 legacy.rejects에 있습니다.", "Their content is in legacy.rejects.")],
            [say("파일", "file"), say("표", "table"), say("이유", "reason"), say("행", "rows")],
            [
                [a.file, a.table, findings.reason(word, language), f"{n:,}"]
                for a in result.accounts
                for word, n in a.reasons.items()
            ],
        ),
        _people(result, language),
        Section(
            say("조사에서 발견한 것", "Found when looking"),
            [getattr(t, language) for t in findings.dirt(result.plan)],
        ),
        _backup(result.plan, language),
    ]
    return [section for section in made if section.sentences or section.rows]


def plan_text(plan: Plan, language: Language) -> str:
    """What `--dry-run` prints: each table, its rows, and where they would go."""
    lines = []
    for file, table in plan.tables():
        rows = f"{table.table.rows:,}"
        lines.append(
            f"  {file.copy.source:40} {table.table.name:28} {rows:>12}  → {table.target or 'legacy'}"
        )
    head = (
        "파일, 표, 행, 옮길 곳 (legacy: 그대로 보관만)"
        if language == "ko"
        else "file, table, rows, where to (legacy: archived only)"
    )
    dirt = [f"  ! {getattr(text, language)}" for text in findings.dirt(plan)]
    return "\n".join([head, *lines, *dirt])


def document(result: Result) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "made_at": iso(utc_now()),
        "adds_up": result.adds_up,
        "verdict": verdict(result).model_dump(),
        "zone": result.options.zone_name,
        "jobs": result.options.jobs,
        "cutover": result.options.cutover,
        "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
        "facts": result.facts,
        "tables": [asdict(account) | {"adds_up": account.adds_up} for account in result.accounts],
        "checks": [
            {"name": c.name.model_dump(), "ok": c.ok, "detail": c.detail.model_dump()} for c in result.checks
        ],
        "gaps": {name: [asdict(gap) for gap in gaps] for name, gaps in result.gaps.items()},
        "refused": [asdict(file) for file in result.plan.refused],
        "people": asdict(result.moved_people) if result.moved_people else None,
        "backup": {
            "made_at": result.plan.backup.made_at,
            "files": [asdict(c) for c in result.plan.backup.copies],
        },
        "found": [text.model_dump() for text in findings.dirt(result.plan)],
    }


def write(result: Result, folder: Path) -> None:
    """report.json, report.en.md, report.ko.md and report.html."""
    text = json.dumps(document(result), ensure_ascii=False, indent=1)
    (folder / "report.json").write_text(text, encoding="utf-8")
    for language in ("ko", "en"):
        made = markdown(sections(result, language), language)
        (folder / f"report.{language}.md").write_text(made, encoding="utf-8")
    (folder / "report.html").write_text(page(result), encoding="utf-8")


def markdown(made: Sequence[Section], language: Language) -> str:
    lines = [
        "# SignalCraft: " + ("옛 SQLite 파일 이전" if language == "ko" else "the old SQLite files moved")
    ]
    for section in made:
        lines += ["", f"## {section.title}", ""]
        lines += [f"- {sentence}" for sentence in section.sentences]
        if section.rows:
            lines += ["", _markdown_row(section.header), "|" + "---|" * len(section.header)]
            lines += [_markdown_row(row) for row in section.rows]
    return "\n".join(lines) + "\n"


def page(result: Result) -> str:
    """One page, Korean first, English below."""
    parts = [
        "<!doctype html><html lang='ko'><meta charset='utf-8'>",
        f"<title>SignalCraft</title><style>{_STYLE}</style>",
    ]
    for language in ("ko", "en"):
        parts.append(f"<article lang='{language}'>")
        for section in sections(result, language):
            parts.append(f"<h2>{html.escape(section.title)}</h2>")
            parts += [f"<p>{html.escape(sentence)}</p>" for sentence in section.sentences]
            if section.rows:
                parts.append(_html_table(section))
        parts.append("</article><hr>")
    return "".join(parts)


def _facts(result: Result, language: Language) -> list[str]:
    readings = [a for a in result.accounts if a.target == "readings" and a.read]
    facts = [getattr(_survivors(account), language) for account in readings]
    units = result.facts.get("devices_in_mps2") or []
    if units:
        names = ", ".join(units[:NAMES_SHOWN])
        facts.append(
            f"진동을 m/s²로 보내는 장치로 인식: {names}"
            if language == "ko"
            else f"Recognised as sending vibration in m/s²: {names}"
        )
    compared = result.facts.get("statistics") or {}
    if compared.get("rows"):
        facts.append(getattr(statistics.sentence(compared), language))
    return facts


def _survivors(account: Account) -> Text:
    kept = account.inserted + account.merged
    return Text(
        ko=(
            f"{account.file} {account.table}: {account.read:,}행 중 장치·시각이 서로 다르고 시각이 타당한 "
            f"{kept:,}행이 남았습니다(같은 행의 반복 {account.duplicate:,}, 거부 {account.rejected:,}; "
            "타당함: 2020-09-13부터 2038-01-19까지)."
        ),
        en=(
            f"{account.file} {account.table}: of {account.read:,} rows, the {kept:,} distinct (device, time) "
            f"pairs with a plausible time survive ({account.duplicate:,} exact repeats, {account.rejected:,} "
            "rejected; plausible: from 2020-09-13 to 2038-01-19)."
        ),
    )


def _people(result: Result, language: Language) -> Section:
    moved = result.moved_people
    if moved is None or not moved.accounts:
        return Section("")

    def say(ko: str, en: str, names: Sequence[str]) -> list[str]:
        shown = ", ".join(names[:NAMES_SHOWN]) + (" …" if len(names) > NAMES_SHOWN else "")
        return [f"{ko if language == 'ko' else en} ({len(names)}): {shown}"] if names else []

    return Section(
        "사람" if language == "ko" else "People",
        [
            f"계정 {moved.accounts}개가 {moved.persons}명이 되었습니다(이메일로 병합)."
            if language == "ko"
            else f"{moved.accounts} accounts became {moved.persons} persons (merged by e-mail).",
            *say(
                "관리자였으나 일반 사용자로 옮김, 필요하면 직접 올리십시오",
                "Were administrators and are users now; raise them yourself where it is right",
                moved.not_administrators,
            ),
            *say(
                "모호함: 한 저장소에 같은 이메일의 계정이 둘 이상, 비밀번호 없이 옮김",
                "Ambiguous: several accounts of one store share the e-mail; moved without a password",
                moved.ambiguous,
            ),
            *say("사용자 이름이 이미 있어 바꿈", "User name was taken, changed", moved.renamed),
            *say(
                "쓸 수 있는 비밀번호가 없음, `signalcraft user 이름 --reset`",
                "No usable password: `signalcraft user NAME --reset`",
                moved.without_password,
            ),
        ],
    )


def _backup(plan: Plan, language: Language) -> Section:
    header = (
        ["파일", "바이트", "SHA-256", "방법"] if language == "ko" else ["file", "bytes", "SHA-256", "how"]
    )
    return Section(
        "백업" if language == "ko" else "Backup",
        [f"{plan.backup.made_at} · {plan.backup.folder.name}"],
        header,
        [[c.source, f"{c.size_bytes:,}", c.sha256, c.method] for c in plan.backup.copies],
    )


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _html_table(section: Section) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in section.header)
    rows = "".join("<tr>" + "".join(_html_cell(cell) for cell in row) + "</tr>" for row in section.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _html_cell(cell: str) -> str:
    number = " class='n'" if cell.replace(",", "").isdigit() else ""
    return f"<td{number}>{html.escape(cell)}</td>"
