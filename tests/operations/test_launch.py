"""What a killed master leaves behind is cleared away before the next start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from signalcraft.operations import kernel, launch

MASTER = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"


def start_master(run_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "signalcraft.operations.launch", str(run_dir), "demo"]
    process = subprocess.Popen(
        [*command, sys.executable, "-c", MASTER], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.stdout.close()
    return process


def test_orphans_of_a_killed_master_are_ended(tmp_path: Path) -> None:
    master = start_master(tmp_path)
    orphan = next(pid for pid in kernel.session_members(master.pid) if pid != master.pid)
    master.kill()
    master.wait()
    assert kernel.session_members(master.pid) == [orphan]
    launch.reap(tmp_path, "demo")
    assert kernel.session_members(master.pid) == []


def test_a_master_that_outlived_its_manager_is_asked_to_stop(tmp_path: Path) -> None:
    master = start_master(tmp_path)
    launch.reap(tmp_path, "demo")
    assert master.wait() == -signal.SIGTERM
    assert kernel.session_members(master.pid) == []


def test_what_outlived_its_manager_is_known_until_it_ends(tmp_path: Path) -> None:
    assert launch.survivor(tmp_path, "demo") is None
    master = start_master(tmp_path)
    assert launch.survivor(tmp_path, "demo") == master.pid
    master.kill()
    master.wait()
    assert launch.survivor(tmp_path, "demo") is None
    launch.reap(tmp_path, "demo")


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone(tmp_path: Path) -> None:
    master = start_master(tmp_path)
    launch.record(tmp_path, "demo").write_text(f"{master.pid} 1\n")
    launch.reap(tmp_path, "demo")
    time.sleep(0.1)
    assert master.poll() is None
    os.killpg(master.pid, signal.SIGKILL)
    master.wait()
