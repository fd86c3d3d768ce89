"""librosa's log-mel of the same clips, in a Python of its own: the project does not depend on librosa."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import ANALYSIS_RATE_HZ, spectra

_PROGRAM = """
import json, sys, time
import numpy, librosa
path, rate, n_fft, hop, mels, fmin = sys.argv[1], *(float(a) for a in sys.argv[2:])
clips = numpy.load(path)
def log_mel(y):
    return librosa.power_to_db(librosa.feature.melspectrogram(
        y=y, sr=int(rate), n_fft=int(n_fft), hop_length=int(hop), n_mels=int(mels), fmin=fmin))
for y in clips[:3]:
    log_mel(y)
print(json.dumps(librosa.__version__), flush=True)
for _ in sys.stdin:
    times = []
    for y in clips:
        start = time.process_time()
        log_mel(y)
        times.append(time.process_time() - start)
    print(json.dumps(times), flush=True)
"""


class Librosa:
    """A process that waits until it is asked for a round over all clips."""

    def __init__(self, python: Path, clips: list[NDArray[np.float32]], environment: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "clips.npy"
        np.save(path, np.stack(clips))
        settings = (ANALYSIS_RATE_HZ, spectra.N_FFT, spectra.HOP, spectra.N_MELS, spectra.F_MIN_HZ)
        # It inherits the core that this process is bound to.
        self._process = subprocess.Popen(
            [str(python), "-c", _PROGRAM, str(path), *map(str, settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"NUMBA_CACHE_DIR": self._folder.name},
        )
        self.version = str(self._answer())

    def round(self) -> list[float]:
        """Seconds for each clip."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return [float(seconds) for seconds in self._answer()]

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the Python given with --librosa-python cannot run librosa")
        return json.loads(line)
