"""Run an instance's own PostgreSQL and Valkey for the tests until standard input closes.

    SIGNALCRAFT_DATA_DIR=… python tests/servers.py

A process of its own, because root gives its rights up for good before PostgreSQL may start. It reads
questions of `server_host.py` from standard input, a JSON document a line, and answers each with a line.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from signalcraft.operations import account, instance
from signalcraft.operations.postgres import Postgres
from signalcraft.operations.valkey import Valkey
from signalcraft.settings import data_dir


class Programs:
    """What runs, by name."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("w")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> None:
        self._running[name] = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )

    def stop(self, name: str, signal_name: str) -> list[str]:
        program = self._running.pop(name)
        program.send_signal(signal.Signals[signal_name])
        program.wait(30)
        return list(program.args)

    def answer(self, question: dict[str, Any]) -> str:
        match question["do"]:
            case "start":
                self.start(question["name"], question["command"])
            case "stop":
                self.stop(question["name"], question["signal"])
            case "restart":
                command = self.stop(question["name"], question["signal"])
                time.sleep(question["away_seconds"])
                self.start(question["name"], command)
            case "run":
                done = subprocess.run(question["command"], capture_output=True, text=True)
                return "done" if done.returncode == 0 else done.stderr.replace("\n", " ")
        return "done"

    def close(self) -> None:
        for program in self._running.values():
            program.send_signal(signal.SIGINT)  # for PostgreSQL: do not wait for clients
        for program in self._running.values():
            program.wait(30)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _answer(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    account.become_owner(data_dir(), _say, create=True)
    own = instance.make()
    postgres, valkey = Postgres(own), Valkey(own)
    postgres.prepare()
    valkey.prepare()
    programs = Programs(own.logs_dir / "test-servers.log")
    try:
        # Tests end processes, never the machine: what the system has taken is safe without the disk.
        programs.start("postgres", [*postgres.command, "-c", "fsync=off", "-c", "archive_mode=off"])
        programs.start("valkey", list(valkey.command))
        postgres.wait(30)
        valkey.wait(30)
        postgres.make_database()
        _answer("ready")
        for line in sys.stdin:
            _answer(programs.answer(json.loads(line)))
    finally:
        programs.close()


if __name__ == "__main__":
    main()
