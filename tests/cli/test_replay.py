"""Recordings become the clips a node would send, at the pace a node would send them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from signalcraft.cli.recordings import UnreadableRecordingError, count_clips, cut, find_recordings
from signalcraft.cli.replay import pace

RATE = 8000


def write(path: Path, samples: np.ndarray, *, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_sixteen_bit_sound_arrives_bit_for_bit(tmp_path: Path) -> None:
    extremes = np.array([-32768, -1, 0, 1, 32767] * 1000, dtype=np.int16)
    [clip] = cut(write(tmp_path / "a.flac", extremes))
    assert clip.pcm == extremes.astype("<i2").tobytes()
    assert clip.sample_rate_hz == RATE


@pytest.mark.parametrize(
    ("seconds", "durations"),
    [(25, [10, 10, 5]), (20, [10, 10]), (20.5, [10, 10]), (21, [10, 10, 1]), (0.064, [0.064]), (0, [])],
)
def test_long_files_are_cut(tmp_path: Path, seconds: float, durations: list[float]) -> None:
    path = write(tmp_path / "a.wav", np.zeros(round(seconds * RATE)))
    assert [clip.duration_s for clip in cut(path)] == durations
    assert count_clips(path) == len(durations)


def test_stereo_is_mixed_and_loud_floats_are_limited(tmp_path: Path) -> None:
    channels = np.array([[0.5, 0.25], [2.0, 2.0], [-2.0, -2.0]])
    [clip] = cut(write(tmp_path / "a.wav", channels, subtype="FLOAT"))
    assert np.frombuffer(clip.pcm, "<i2").tolist() == [12288, 32767, -32768]


def test_folders_are_expanded_in_order(tmp_path: Path) -> None:
    second = write(tmp_path / "day/b.wav", np.zeros(8))
    first = write(tmp_path / "day/a/c.WAV", np.zeros(8))
    named = write(tmp_path / "z.wav", np.zeros(8))
    (tmp_path / "day/notes.txt").write_text("not sound")
    assert find_recordings([named, tmp_path / "day"]) == [named, first, second]


def test_what_is_not_sound_is_named(tmp_path: Path) -> None:
    text = tmp_path / "a.wav"
    text.write_text("not sound")
    with pytest.raises(UnreadableRecordingError, match=r"a\.wav"):
        count_clips(text)
    (tmp_path / "empty").mkdir()
    for missing in (tmp_path / "gone.wav", tmp_path / "empty"):
        with pytest.raises(UnreadableRecordingError, match=missing.name):
            find_recordings([missing])


def test_pace_holds_although_sending_takes_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(RATE * 40))
    clock, starts = [100.0], []

    def send(_clip: object) -> None:
        starts.append(clock[0])
        # The second message meets a server that is away for longer than the pace allows.
        clock[0] += 20.0 if len(starts) == 2 else 0.5

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    pace([path], 2.0, send, now=lambda: clock[0], sleep=sleep)
    assert starts == [100.0, 105.0, 125.0, 130.0]


def test_what_is_labelled_anomalous_is_played_last(tmp_path: Path) -> None:
    names = ("anomaly_id_00_1.wav", "normal_id_00_1.wav", "abnormal/00.wav", "normal/00.wav")
    faulty, healthy, faulty_too, healthy_too = (write(tmp_path / name, np.zeros(8)) for name in names)
    assert find_recordings([faulty, healthy, faulty_too, healthy_too]) == [
        healthy,
        healthy_too,
        faulty,
        faulty_too,
    ]
