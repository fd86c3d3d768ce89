"""PM2 itself does what the ecosystem file counts on."""

import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2, ecosystem
from signalcraft.operations.processes import Process

STARTS = 7
SECONDS = 30.0

_CRASHES = "import sys, time; print(time.time(), file=open(sys.argv[1], 'a'), flush=True); sys.exit(1)"
_STOPS = """\
import signal, sys, time

def stop(number, frame):
    with open(sys.argv[1], "a") as file:
        print(signal.Signals(number).name, file=file, flush=True)
    time.sleep(1.0)
    print("finished", file=open(sys.argv[1], "a"), flush=True)
    sys.exit()

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
print("started", file=open(sys.argv[1], "a"), flush=True)
time.sleep(60)
"""


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def wait_for(file: Path, count: int) -> list[str]:
    deadline = time.monotonic() + SECONDS
    while len(lines(file)) < count:
        assert time.monotonic() < deadline, lines(file)
        time.sleep(0.1)
    return lines(file)


@pytest.mark.system
def test_a_crash_loop_slows_down_and_a_stop_is_sigterm_with_time_to_finish(
    made: Instance, tmp_path: Path
) -> None:
    crashes, stops = tmp_path / "crashes", tmp_path / "stops"
    for folder in (made.logs_dir, made.run_dir):
        folder.mkdir(parents=True, exist_ok=True)
    programs = {"crashes": (_CRASHES, crashes), "stops": (_STOPS, stops)}
    made.ecosystem_file.write_text(
        ecosystem(
            made,
            [
                Process(
                    name=name,
                    kind="task",
                    command=(sys.executable, "-c", program, str(file)),
                    folder=tmp_path,
                    version="",
                    inputs="",
                )
                for name, (program, file) in programs.items()
            ],
        )
    )
    manager = Pm2(made)
    try:
        manager.start(programs)
        wait_for(stops, 1)
        manager.delete(["stops"])
        assert lines(stops) == ["started", "SIGTERM", "finished"]

        moments = [float(line) for line in wait_for(crashes, STARTS)]
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        # 0.1 s, and half as much more each time: 0.76 s before the seventh start.
        assert gaps[0] < 2.0
        assert gaps[-1] > gaps[0] + 0.3
        states = {state.name: state for state in manager.states()}
        assert states["crashes"].status in {"waiting restart", "online"}  # never given up
    finally:
        manager.kill()
    assert manager.pid is None
