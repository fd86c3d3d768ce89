"""The process that runs the tests' servers, as the account that may: see `servers.py`."""

import json
import subprocess
import sys
from pathlib import Path


class ServerHost:
    """Starts, stops and runs programs on behalf of the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("servers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer("ready")

    def start(self, name: str, *command: str | Path) -> None:
        """Start a program that is stopped at the end of the run at the latest."""
        self._ask(do="start", name=name, command=[str(part) for part in command])

    def restart(self, name: str, *, signal: str, away_seconds: float = 0.0) -> None:
        """End a server with the signal and start it anew; returns when it is started, not when it answers."""
        self._ask(do="restart", name=name, signal=signal, away_seconds=away_seconds)

    def stop(self, name: str, *, signal: str = "SIGINT") -> None:
        self._ask(do="stop", name=name, signal=signal)

    def run(self, *command: str | Path) -> None:
        """Run a program to its end; it must succeed."""
        self._ask(do="run", command=[str(part) for part in command])

    def close(self) -> None:
        self._process.communicate()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, **question: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        self._answer("done")

    def _answer(self, expected: str) -> None:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer == expected, answer
