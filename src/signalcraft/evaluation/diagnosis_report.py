"""Tables of the diagnosis for the screen, the report and programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from signalcraft.anomaly.diagnosis import UNKNOWN
from signalcraft.anomaly.diagnosis.learned_v1 import Figures as HeadFigures
from signalcraft.evaluation.diagnosis import DiagnosisFigures, figures
from signalcraft.evaluation.run import Group

HEADER = ("condition", "clips", "macro-F1", "with normal", "of those found", "said unknown", "off by")
MEANING = (
    "Diagnosis of the faulty clips: macro-F1 over the faults, whether the detector found the clip or not,"
    " with a 95 % bootstrap interval over clips. With normal: healthy clips and the class normal too, of what"
    " a person would be told: the diagnosis of clips that the detector found, short cycling where the sensors"
    " tell it, else normal. Of those found: faulty clips that the detector found. Off by: how far the"
    " probability of the named condition is from the share of times that it is right."
)
SUPERVISED_HEADER = ("supervised", "accuracy", "balanced", "macro-F1", "recordings", "classes")

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, header, rows."""


def tables(groups: Sequence[Group], *, intervals: bool = True) -> list[Table]:
    """What is shown of all groups; nothing where nothing was diagnosed."""
    found = [(group.name, made) for group in groups if (made := figures(group.judged)) is not None]
    shown: list[Table] = []
    if found:
        shown.append(("Diagnosis", HEADER, [_row(name, made, intervals=intervals) for name, made in found]))
    learned = [(group.name, group.supervised) for group in groups if group.supervised is not None]
    if learned:
        rows = [_supervised_row(name, made) for name, made in learned]
        shown.append(("Supervised, in folds", SUPERVISED_HEADER, rows))
    return shown


def details(group: Group) -> list[Table]:
    """Per class, confusion and calibration of one group."""
    shown: list[Table] = []
    made = figures(group.judged)
    if made is not None:
        per_class: list[tuple[str, ...]] = [
            (name, f"{own.precision:.2f}", f"{own.recall:.2f}", f"{own.f1:.2f}", str(own.clips))
            for name, own in made.per_class.items()
        ]
        shown.append(("Per condition", ("condition", "precision", "recall", "F1", "clips"), per_class))
        shown.append(_confusion(made.classes, (*made.classes, UNKNOWN), made.confusion))
        bins: list[tuple[str, ...]] = [
            (f"{b.low:.0%} to {b.high:.0%}", f"{b.said:.0%}", f"{b.right:.0%}", str(b.clips))
            for b in made.calibration
        ]
        shown.append(("What the probabilities mean", ("said", "on average", "right", "clips"), bins))
    if group.supervised is not None:
        classes = tuple(group.supervised.per_class)
        shown.append(_confusion(classes, classes, group.supervised.confusion.tolist()))
    return shown


def as_json(group: Group) -> dict[str, Any]:
    """`diagnosis` and `supervised` of a group, None where there is none."""
    made = figures(group.judged)
    learned = group.supervised
    return {
        "diagnosis": None if made is None else asdict(made),
        "supervised": None
        if learned is None
        else {**asdict(learned), "confusion": learned.confusion.tolist()},
    }


def _row(name: str, made: DiagnosisFigures, *, intervals: bool) -> tuple[str, ...]:
    low, high = made.macro_f1_interval
    interval = f" ({low:.3f}–{high:.3f})" if intervals else ""
    return (
        name,
        str(made.clips),
        f"{made.macro_f1:.3f}{interval}",
        f"{made.with_normal:.3f}",
        "–" if made.found is None else f"{made.found:.3f}",
        f"{made.said_unknown:.1%}",
        f"{made.calibration_error:.1%}",
    )


def _supervised_row(name: str, made: HeadFigures) -> tuple[str, ...]:
    return (
        name,
        f"{made.accuracy:.1%}",
        f"{made.balanced_accuracy:.1%}",
        f"{made.macro_f1:.3f}",
        str(made.n_examples),
        str(len(made.per_class)),
    )


def _confusion(rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    body = [(name, *(str(n) for n in line)) for name, line in zip(rows, counts, strict=True)]
    return "Confusion: true in rows, said in columns", ("", *columns), body
