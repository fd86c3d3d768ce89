"""Synthetic recordings and readings as files, in the layout that `signalcraft evaluate` reads.

FOLDER/README.txt                         that all of it is synthetic, and what the columns are
FOLDER/normal_id_01_0001_running.wav      number of the machine and of the clip, state
FOLDER/anomaly_id_01_0107_running_bearing_wear_0.42.wav      with what is wrong and how much, 0 to 1
FOLDER/clips.csv                          the same as a table
FOLDER/readings.csv                       temperature, vibration, current, level of sound
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import soundfile

from signalcraft.cli.virtual_fleet import CLIP_SECONDS, Schedule, machine_time, runs_while_recording
from signalcraft.errors import SignalCraftError
from signalcraft.simulation import SAMPLE_RATE_HZ, VirtualMachine

NOTE = "synthetic: made by the simulator of SignalCraft"
README = """Everything in this folder is synthetic: the simulator of SignalCraft made sound and readings.
이 폴더의 모든 소리와 측정값은 SignalCraft 시뮬레이터가 만든 모의 데이터입니다.

clips.csv     file, machine, measured_at (UTC), state, condition (normal or the fault), severity (0 to 1)
readings.csv  machine, measured_at (UTC), temperature_c, vibration_x_g, vibration_y_g, vibration_z_g,
              power_percent (of the current sensor's range), audio_level (mean absolute 16-bit value), state
"""
CLIP_COLUMNS = ("file", "machine", "measured_at", "state", "condition", "severity")
READING_COLUMNS = (
    "machine",
    "measured_at",
    "temperature_c",
    "vibration_x_g",
    "vibration_y_g",
    "vibration_z_g",
    "power_percent",
    "audio_level",
    "state",
)


class FolderInUseError(SignalCraftError):
    """The folder holds files already."""


def write(
    folder: Path,
    machines: Sequence[VirtualMachine],
    schedule: Schedule,
    told: Callable[[int, int], None],
    *,
    allow_used: bool,
) -> int:
    """All clips and readings of a schedule. told: hears how many clips of how many are written.

    Returns the number of clips. Raises FolderInUseError, having written nothing, if the folder is not empty
    and `allow_used` is not set; files of other names are never touched.
    """
    if folder.exists() and any(folder.iterdir()) and not allow_used:
        raise FolderInUseError(f"{folder} is not empty.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(README, encoding="utf-8")
    clips = [
        (number, moment)
        for number, machine in enumerate(machines, start=1)
        for moment in _moments(schedule, schedule.clip_interval)
        if not schedule.running_only or runs_while_recording(machine, machine_time(moment))
    ]
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(CLIP_COLUMNS)
        for written, (number, moment) in enumerate(clips, start=1):
            table.writerow(_write_clip(folder, machines[number - 1], number, written, moment))
            told(written, len(clips))
    with (folder / "readings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(READING_COLUMNS)
        for number, machine in enumerate(machines, start=1):
            table.writerows(_reading(machine, number, moment) for moment in schedule.moments())
    return len(clips)


def _write_clip(
    folder: Path, machine: VirtualMachine, number: int, place: int, moment: datetime
) -> list[Any]:
    at = machine_time(moment)
    state = machine.state(at, CLIP_SECONDS)
    severity = machine.fault.severity(at) if machine.fault is not None else 0.0
    condition = machine.fault.kind if machine.fault is not None and severity else "normal"
    label, what = ("anomaly", f"_{condition}_{severity:.2f}") if severity else ("normal", "")
    name = f"{label}_id_{number:02d}_{place:05d}_{state}{what}.wav"
    with soundfile.SoundFile(folder / name, "w", SAMPLE_RATE_HZ, 1, "PCM_16") as file:
        file.comment = NOTE
        file.write(machine.clip(at, CLIP_SECONDS))
    return [name, number, moment.isoformat(), state, condition, f"{severity:.3f}"]


def _reading(machine: VirtualMachine, number: int, moment: datetime) -> list[Any]:
    at = machine_time(moment)
    reading = machine.reading(at)
    return [
        number,
        moment.isoformat(),
        reading["temperature_c"],
        *(reading["vibration"][axis] for axis in "xyz"),
        reading["power_percent"],
        reading["audio_level"],
        machine.state(at),
    ]


def _moments(schedule: Schedule, interval: timedelta) -> Iterator[datetime]:
    moment = schedule.start
    while moment < schedule.end:
        yield moment
        moment += interval
