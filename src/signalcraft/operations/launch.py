"""What PM2 starts in place of each process: it clears away what an earlier run left behind, then becomes it.

A master killed with SIGKILL leaves its workers: they hold the port for a second (Gunicorn), for ever (nginx),
or work on (Celery). They are all in the session of the dead master, and PM2 gives every start a new session.

    python -m signalcraft.operations.launch RUN_DIR NAME PROGRAM [ARGUMENT…]
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from signalcraft.operations import kernel

_GRACE_SECONDS = 3.0
"""For a master that outlived its PM2; orphans of a dead master get none."""


def record(run_dir: Path, name: str) -> Path:
    """The file that names the session of the latest run of a process: `pid start_ticks`."""
    return run_dir / f"{name}.session"


def metrics_dir(run_dir: Path, name: str) -> Path:
    """Where the processes of the server `name` count together (`metrics.py`)."""
    return run_dir / "metrics" / name


def survivor(run_dir: Path, name: str) -> int | None:
    """Pid of the latest run of the process `name` if it still runs: of one that outlived its PM2, too."""
    known = _recorded(run_dir, name)
    leader = kernel.stat(known[0]) if known else None
    alive = known and leader and leader.start_ticks == known[1] and leader.state != "Z"
    return known[0] if known and alive else None


def reap(run_dir: Path, name: str) -> None:
    """End everything that is left of the latest run of the process `name`."""
    known = _recorded(run_dir, name)
    if known is None:
        return
    session, start_ticks = known
    leader = kernel.stat(session)
    if leader and leader.start_ticks != start_ticks:
        return  # the number is another process's now
    if leader:
        _signal([session], signal.SIGTERM)
        _wait_while(lambda: session in kernel.session_members(session))
    _signal(kernel.session_members(session), signal.SIGKILL)
    _wait_while(lambda: bool(kernel.session_members(session)))


def _recorded(run_dir: Path, name: str) -> tuple[int, int] | None:
    """Session and start of the latest run, where there was one."""
    try:
        session, start_ticks = map(int, record(run_dir, name).read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return session, start_ticks


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wait_while(alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    while alive() and time.monotonic() < deadline:
        time.sleep(0.02)


def _write(file: Path, text: str) -> None:
    """In one step: whoever reads a half-written record would leave an earlier run alive."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def main() -> None:
    run_dir, name, program = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    reap(run_dir, name)
    # What an earlier run counted is not this one's. Prometheus knows counters that begin anew.
    shutil.rmtree(metrics_dir(run_dir, name), ignore_errors=True)
    metrics_dir(run_dir, name).mkdir(parents=True)
    own = kernel.stat(os.getpid())
    if own and own.session == own.pid:  # not when a person tries it from a shell: the shell must live
        _write(record(run_dir, name), f"{own.session} {own.start_ticks}\n")
    os.execv(program, sys.argv[3:])  # noqa: S606 - the program comes from the ecosystem file that we wrote


if __name__ == "__main__":
    main()
