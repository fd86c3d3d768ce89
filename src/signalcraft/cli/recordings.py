"""Cut sound files into the clips a node would send: raw 16-bit mono at the file's own rate, 10 s each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

CLIP_SECONDS = 10
"""Length of the clips that new firmware sends and that public data sets hold."""
SHORTEST_CLIP_SECONDS = 1.0
"""A rest shorter than the server assesses is left out; the file's other clips stand for it."""
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"})


class UnreadableRecordingError(Exception):
    """A path that is not a sound file we can read."""


@dataclass(frozen=True)
class RecordedClip:
    """`pcm` is signed 16-bit little-endian mono."""

    path: Path
    pcm: bytes
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / self.sample_rate_hz


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """The files named, and of each folder named all sound files below it, sorted by path.

    What is labelled anomalous comes last, else in the order given: a machine must have learned its healthy
    sound before a fault can be heard, and the alphabet puts `anomaly` before `normal`.

    Raises
    ------
    UnreadableRecordingError
        A path does not exist, or a folder holds no sound file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            if not inside:
                raise UnreadableRecordingError(f"{path}: no sound file in this folder")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UnreadableRecordingError(f"{path}: there is no such file or folder")
    return sorted(found, key=is_labelled_anomalous)


def is_labelled_anomalous(path: Path) -> bool:
    """Whether the layouts of DCASE task 2 (`anomaly_id_00_…`) or MIMII (`abnormal/…`) call it faulty."""
    return path.name.startswith("anomaly") or "abnormal" in path.parent.name


def count_clips(path: Path) -> int:
    """How many clips `cut` makes of the file, from its header alone.

    Raises
    ------
    UnreadableRecordingError
        It is not sound in a format that libsndfile reads.
    """
    try:
        header = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise UnreadableRecordingError(f"{path}: {error.error_string}") from error
    whole, rest = divmod(header.frames, header.samplerate * CLIP_SECONDS)
    return int(whole) + (1 if _is_sent(rest, header.samplerate, first=whole == 0) else 0)


def cut(path: Path) -> Iterator[RecordedClip]:
    """The clips of a file in order, decoded piece by piece: an hour needs no more memory than 10 s."""
    with soundfile.SoundFile(path) as sound:
        frames = sound.samplerate * CLIP_SECONDS
        blocks = sound.blocks(blocksize=frames, dtype="float32", always_2d=True)
        for place, block in enumerate(blocks):
            if _is_sent(len(block), sound.samplerate, first=place == 0):
                # Scaling by 2^15 gives back the very integers of a 16-bit file.
                mono = np.rint(block.mean(axis=1) * 32768.0).clip(-32768, 32767)
                yield RecordedClip(path, mono.astype("<i2").tobytes(), sound.samplerate)


def _is_sent(frames: int, sample_rate_hz: int, *, first: bool) -> bool:
    return frames > 0 and (first or frames >= SHORTEST_CLIP_SECONDS * sample_rate_hz)
