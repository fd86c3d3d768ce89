"""The report of an evaluation: Markdown with pictures beside it, one HTML file with all inside, and JSON."""

from base64 import b64encode
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from signalcraft.dsp import Sound
from signalcraft.dsp.spectrogram import spectrogram_png
from signalcraft.evaluation import diagnosis_report, states
from signalcraft.evaluation.metrics import roc
from signalcraft.evaluation.pictures import histogram_svg, roc_svg
from signalcraft.evaluation.run import Group, MethodFigures, Mistake
from signalcraft.evaluation.watch import Watched

_PICTURE_PX = (360, 180)
_PARAMETERS = (
    "The methods saw healthy clips only while they learned. How a detector's parameters were chosen before"
    " that is stated in its module by its author: this command cannot check whether these test clips were"
    " looked at. The references' parameters are those of their publications, but for bounds of time named in"
    " the module."
)
_MEANING = (
    "AUC and pAUC (false positive rate up to 0.1, standardised) are means over the repetitions, with their"
    " 95 % bootstrap interval over the test recordings. FA at 1 %, where nothing anomalous is tested: share"
    " of healthy test clips over the limit that the training clips' cross-validated scores give for one false"
    " alarm in a hundred, for every method alike: the score of rank 0.99 (n + 1) of n clips, or, where there"
    " are fewer than the 99 that it takes to count it, from a tail fitted to them. In brackets over the plain"
    " 99 % quantile, which of 20 clips is nearly the highest. Over limit: share of healthy test clips above"
    " the engine's own limit. Time: from decoded sound to the score, without resampling."
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:left}"
    "figure{display:inline-block;margin:.5rem 1rem .5rem 0}figcaption{font-size:.8rem;max-width:22rem}"
)
HEADER = (
    "condition",
    "method",
    "AUC",
    "pAUC",
    "FA at 1 % (plain quantile)",
    "over limit",
    "fit s",
    "ms a clip",
)


@dataclass(frozen=True)
class Report:
    """command: how it can be repeated. groups: empty for a watch or for states. watched, told: empty for
    everything else."""

    title: str
    protocol: str
    command: str
    version: str
    date: str
    detector: str
    synthetic: bool
    groups: list[Group]
    watched: list[Watched]
    told: list[states.Told]


def as_json(report: Report) -> dict[str, Any]:
    """Every figure, for a program."""
    return {
        "title": report.title,
        "command": report.command,
        "version": report.version,
        "date": report.date,
        "detector": report.detector,
        "synthetic": report.synthetic,
        "protocol": report.protocol,
        "groups": [_group_json(group) for group in report.groups],
        "watched": [asdict(watched) for watched in report.watched],
        "states": [asdict(told) for told in report.told],
    }


def write(report: Report, folder: Path) -> None:
    """report.md, report.html and the pictures that the first refers to."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    markdown, html = _head(report)
    for number, group in enumerate(report.groups, start=1):
        shown = _pictures(group, report.detector)
        names = {
            caption: f"{number:02d}-{place:02d}.{kind}" for place, (caption, kind, _) in enumerate(shown)
        }
        markdown += [f"\n## {group.name}\n"]
        html += [f"<h2>{escape(group.name)}</h2>"]
        for table in diagnosis_report.details(group):
            _add_table(table, markdown, html)
        for caption, kind, content in shown:
            pictures[names[caption]] = content
            markdown.append(f"![{caption}]({quote(names[caption])})\n\n{caption}\n")
            html.append(_figure(caption, kind, content))
        if group.left_out:
            markdown += ["Not assessable, left out:\n", *(f"- {name}" for name in sorted(group.left_out)), ""]
            html.append(f"<p>Not assessable, left out: {escape('; '.join(sorted(group.left_out)))}</p>")
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    (folder / "report.md").write_text("\n".join(markdown) + "\n", encoding="utf-8")
    (folder / "report.html").write_text("\n".join(html) + "\n", encoding="utf-8")


def rows(groups: list[Group], *, intervals: bool = True) -> list[tuple[str, ...]]:
    """The table's rows under HEADER, as text; last the plain means over conditions, if there are several."""
    summaries = [(group.name, figures) for group in groups for figures in group.summary()]
    means = _mean_rows([figures for _, figures in summaries]) if len(groups) > 1 else []
    return [_row(name, figures, intervals=intervals) for name, figures in summaries] + means


def watched_rows(watched: list[Watched]) -> list[tuple[str, ...]]:
    return [
        (
            str(w.machine) if w.kind is None else f"{w.machine} {w.kind}",
            f"{w.days:.1f}",
            str(w.clips),
            f"{w.over_limit / max(w.clips, 1):.2%}",
            f"{w.alarms} ({w.grave_alarms})",
            _found(w),
        )
        for w in watched
    ]


def _found(w: Watched) -> str:
    """In how many clips after the change, and at which severity."""
    if w.found is None or w.severity is None:
        return "–" if w.kind is None else "never"
    after = "no change of that size" if w.found_after is None else f"{w.found_after:+d}"
    return f"{after} (at {w.severity:.0%}, {w.named or 'unnamed'})"


WATCHED_HEADER = (
    "machine",
    "healthy days",
    "clips",
    "over limit",
    "false alarms (grave)",
    "found after clips (severity)",
)


def overview(report: Report, *, intervals: bool = True) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(header, rows) of the table that says it all."""
    if report.told:
        return states.HEADER, states.rows(report.told)
    if report.watched:
        return WATCHED_HEADER, watched_rows(report.watched)
    return HEADER, rows(report.groups, intervals=intervals)


def _head(report: Report) -> tuple[list[str], list[str]]:
    title = f"{report.title}: {report.detector}"
    facts = [
        report.protocol,
        *(["Everything here was made by the simulator: it is synthetic."] if report.synthetic else []),
        f"Made by SignalCraft {report.version} on {report.date} with `{report.command}`.",
        *([] if report.told else [_PARAMETERS, _MEANING]),
    ]
    header, body = overview(report)
    markdown = [f"# {title}\n", *(f"{fact}\n" for fact in facts), *markdown_table(header, body)]
    html = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
        *(f"<p>{escape(fact)}</p>" for fact in facts),
        "<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>",
        *("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body),
        "</table>",
    ]
    told = diagnosis_report.tables(report.groups)
    if told:
        markdown.append(f"\n{diagnosis_report.MEANING}\n")
        html.append(f"<p>{escape(diagnosis_report.MEANING)}</p>")
    for table in told:
        _add_table(table, markdown, html)
    return markdown, html


def _add_table(table: diagnosis_report.Table, markdown: list[str], html: list[str]) -> None:
    title, header, body = table
    markdown += [f"\n**{title}**\n", *markdown_table(header, body), ""]
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body]
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    html.append(
        f"<h3>{escape(title)}</h3><table><tr>{heads}</tr>"
        + "".join(f"<tr>{row}</tr>" for row in cells)
        + "</table>"
    )


def markdown_table(header: tuple[str, ...], body: list[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *body]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _row(name: str, f: MethodFigures, *, intervals: bool) -> tuple[str, ...]:
    own = f.figures
    return (
        name,
        f.method,
        _figure_text(own.auc, own.auc_interval, intervals=intervals) if own else "–",
        _figure_text(own.pauc, own.pauc_interval, intervals=intervals) if own else "–",
        _false_alarms_text(f),
        "–" if f.over_limit is None else f"{f.over_limit:.1%}",
        f"{f.fit_s:.2f}",
        f"{f.ms_per_clip:.2f}",
    )


def _false_alarms_text(f: MethodFigures) -> str:
    if f.false_alarms is None or f.false_alarms_counted is None:
        return "–"
    return f"{f.false_alarms:.1%} ({f.false_alarms_counted:.1%})"


def _figure_text(value: float, interval: tuple[float, float], *, intervals: bool) -> str:
    return f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})" if intervals else f"{value:.3f}"


def _mean_rows(summaries: list[MethodFigures]) -> list[tuple[str, ...]]:
    means: list[tuple[str, ...]] = []
    for method in dict.fromkeys(summary.method for summary in summaries):
        own = [s.figures for s in summaries if s.method == method and s.figures]
        if own:
            auc, pauc = (sum(f.auc for f in own) / len(own), sum(f.pauc for f in own) / len(own))
            means.append(("mean", method, f"{auc:.3f}", f"{pauc:.3f}", "–", "–", "–", "–"))
    return means


def _pictures(group: Group, detector: str) -> list[tuple[str, str, bytes]]:
    """(caption, kind of file, content)."""
    shown = []
    own = group.of(detector)[0]
    if own.scored.anomalous.size:
        curves = {}
        for method in group.methods:
            scored = group.of(method)[0].scored
            curves[method] = roc(scored.normal, scored.anomalous)
        shown.append(
            (f"{group.name}: ROC of the first repetition", "svg", roc_svg(group.name, curves).encode())
        )
    histogram = histogram_svg(
        group.name,
        own.scored.normal,
        own.scored.anomalous if own.scored.anomalous.size else own.scored.normal,
        limit=own.limit,
    )
    shown.append((f"{group.name}: scores of {detector}, dashed its limit", "svg", histogram.encode()))
    return shown + [
        _mistake(mistake, mistake.sample.sound()) for mistake in group.mistakes if mistake.sample.sound
    ]


def _mistake(mistake: Mistake, sound: Sound) -> tuple[str, str, bytes]:
    width, height = _PICTURE_PX
    caption = (
        f"{mistake.sample.name} ({mistake.sample.kind}): score {mistake.score:.3g}, higher than"
        f" {mistake.higher_than:.0%} of the healthy clips"
    )
    return caption, "png", spectrogram_png(sound, width=width, height=height)


def _figure(caption: str, kind: str, content: bytes) -> str:
    picture = (
        content.decode()
        if kind == "svg"
        else f'<img alt="" src="data:image/png;base64,{b64encode(content).decode()}">'
    )
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "left_out": sorted(group.left_out),
        **diagnosis_report.as_json(group),
        "methods": [
            {
                **asdict(figures),
                "repetitions": [
                    {
                        "seed": trial.seed,
                        "n_train": trial.n_train,
                        "n_normal": int(trial.scored.normal.size),
                        "n_anomalous": int(trial.scored.anomalous.size),
                        "fit_s": trial.fit_s,
                        "ms_per_clip": trial.ms_per_clip,
                    }
                    for trial in group.of(figures.method)
                ],
            }
            for figures in group.summary()
        ],
    }
