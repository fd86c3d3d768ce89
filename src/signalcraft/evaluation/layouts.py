"""Folders of labelled sound as DCASE task 2, MIMII and `signalcraft simulate --wav` lay them out."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from signalcraft.dsp import Sound, decode
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.trials import NORMAL, Dataset, Source, Trial, make

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aac", ".webm")
MAX_DURATION_S = 60.0  # clips of these data sets have 2 to 18 s; a longer file is no clip
# Where a folder has no split: as many normal clips test as there are anomalous ones (MIMII's rule), but at
# least this many, as far as half of them still train. Fewer would give no false alarm rate.
MIN_TEST_NORMALS = 20
SIMULATED = "clips.csv"  # the simulator's own table: which file is of which condition
_MACHINE_ID = re.compile(r"(?:^|_)(id_\d+|section_\d+)(?=_|\.|$)")


def labelled_folders(folder: Path) -> Dataset | None:
    """All machines below a folder, or None if there are none."""
    splits = [*_dcase(folder), *_mimii(folder)] or [*_flat(folder)]
    if not splits:
        return None
    conditions = _simulated(folder / SIMULATED)

    def trials() -> Iterator[Trial]:
        for group, train, test in splits:
            yield make(group, 0, _sources(train, conditions), _sources(test, conditions))

    name = folder.resolve().name
    return Dataset(
        f"{name} (synthetic)" if conditions else name,
        "Trained on train/, tested on test/ where the folder has them (DCASE task 2). Else the normal clips"
        " of a machine are sorted by name, the first of them test: as many as there are anomalous ones"
        f" (MIMII), at least {MIN_TEST_NORMALS}, at most half.",
        trials,
        synthetic=bool(conditions),
    )


def is_anomalous(file: Path) -> bool:
    """By the file's name (DCASE: `anomaly_id_00_…`, `section_00_source_test_anomaly_…`) or its folder's."""
    return "anomaly" in file.name or file.parent.name == "abnormal"


def is_normal(file: Path) -> bool:
    return not is_anomalous(file) and ("normal" in file.name or file.parent.name == "normal")


def sound_files(folder: Path) -> list[Path]:
    """Directly in a folder, sorted by name."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def load(file: Path) -> Sound:
    """Raises dsp.AudioDecodeError."""
    return decode(file.read_bytes(), max_duration_s=MAX_DURATION_S)


def split(normal: list[Path], anomalous: list[Path]) -> tuple[list[Path], list[Path]]:
    """(train, test) by MIMII's rule, see above."""
    normal = sorted(normal, key=lambda file: file.name)
    count = min(max(len(anomalous), MIN_TEST_NORMALS), len(normal) // 2)
    return normal[count:], normal[:count] + anomalous


_Split = tuple[str, list[Path], list[Path]]


def _dcase(folder: Path) -> Iterator[_Split]:
    for train in sorted(folder.glob("**/train")):
        test = train.parent / "test"
        if not test.is_dir():
            continue
        tests = _by_machine(sound_files(test))
        for machine, files in _by_machine(sound_files(train)).items():
            if machine not in tests:
                raise EvaluationError(f"{test}: no clip of {machine}, which {train} has")
            yield _group(folder, train.parent, machine), [f for f in files if is_normal(f)], tests[machine]


def _mimii(folder: Path) -> Iterator[_Split]:
    for abnormal in sorted(folder.glob("**/abnormal")):
        normal = abnormal.parent / "normal"
        if normal.is_dir():
            train, test = split(sound_files(normal), sound_files(abnormal))
            yield _group(folder, abnormal.parent, ""), train, test


def _flat(folder: Path) -> Iterator[_Split]:
    labelled = [file for file in sound_files(folder) if is_normal(file) or is_anomalous(file)]
    for machine, files in _by_machine(labelled).items():
        train, test = split([f for f in files if is_normal(f)], [f for f in files if is_anomalous(f)])
        yield _group(folder, folder, machine), train, test


def _by_machine(files: Iterable[Path]) -> dict[str, list[Path]]:
    machines: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        found = _MACHINE_ID.search(file.name)
        machines[found.group(1) if found else ""].append(file)
    return dict(sorted(machines.items()))


def _group(root: Path, folder: Path, machine: str) -> str:
    place = folder.relative_to(root).as_posix()
    return " ".join(part for part in ("" if place == "." else place, machine) if part) or root.resolve().name


def _simulated(table: Path) -> dict[str, str]:
    """What is wrong in each file of a folder that the simulator wrote; nothing of any other folder."""
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"file", "condition", "severity"} <= set(rows.fieldnames or ()):
            return {}
        return {row["file"]: row["condition"] for row in rows}


def _sources(files: Iterable[Path], conditions: Mapping[str, str]) -> list[Source]:
    return [
        Source(
            file.name,
            file.name,
            conditions.get(file.name, "anomaly") if is_anomalous(file) else NORMAL,
            partial(load, file),
        )
        for file in files
    ]
