"""The client for people and their programs: shops, machines, alarms, analyses, events, data."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote
from uuid import UUID

import httpx

from signalcraft.client.connection import Connection
from signalcraft.client.credentials import Session, Token
from signalcraft.client.errors import AnalysisFailedError
from signalcraft.client.events import Event, follow
from signalcraft.client.patience import Patience
from signalcraft.client.results import Alarm, Analysis, Machine, Result, Shop, StoredReading

JOB_LOOK_SECONDS = 1.0


class SignalCraft:
    """A signed-in connection to one server. Safe to share among threads.

        with SignalCraft.sign_in("https://signalcraft.example", "kim", "…") as server:
            for alarm in server.alarms():
                print(alarm.machine_name, alarm.summary.en)

    All methods raise `ProblemError` (or one of its kinds) where the server refuses, and `UnreachableError`
    where there is none or it stays away for longer than `patience`. Requests that may be made twice are
    repeated while the server is busy or restarts; others only where it said that nothing was done.
    """

    def __init__(
        self,
        url: str,
        credentials: httpx.Auth,
        *,
        patience: Patience = Patience(seconds=30.0),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._patience = patience
        self._connection = Connection(url, auth=credentials, patience=patience, transport=transport)

    @classmethod
    def sign_in(cls, url: str, username: str, password: str, *, patience: Patience = Patience(30.0)) -> Self:
        """As a person. The session is opened with the first request and renewed when it ends."""
        return cls(url, Session(username, password), patience=patience)

    @classmethod
    def with_token(cls, url: str, token: str, *, patience: Patience = Patience(30.0)) -> Self:
        """As a program, with an API token."""
        return cls(url, Token(token), patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the session stays good until it expires."""
        self._connection.close()

    # Shops and machines

    def shops(self) -> list[Shop]:
        """The shops that this person may see."""
        return self._connection.request("GET", "/api/shops", _Shops).shops

    def machine(self, machine_id: int) -> Machine:
        """One machine, with its light, its newest reading and analysis, and its open alarm."""
        return self._connection.request("GET", f"/api/machines/{machine_id}", _Machine).machine

    # Readings

    def readings(self, device_id: str, *, hours: int = 24, limit: int = 1000) -> list[StoredReading]:
        """A device's readings, newest first: `hours` back (to 8784), at most `limit` of them (to 10,000)."""
        path = f"/api/iot/sensors/data/{quote(device_id, safe='')}"
        query = {"hours": hours, "limit": limit}
        return self._connection.request("GET", path, _Readings, params=query).data

    # Alarms

    def alarms(
        self, *, machine_id: int | None = None, only_open: bool = True, limit: int = 50
    ) -> list[Alarm]:
        """Alarms, newest first.

        Parameters
        ----------
        machine_id : only this machine's.
        only_open : leave out those that are over.
        limit : 1 to 500.
        """
        query: dict[str, str | int] = {"state": "open" if only_open else "all", "limit": limit}
        if machine_id is not None:
            query["machine_id"] = machine_id
        return self._connection.request("GET", "/api/alarms", _Alarms, params=query).alarms

    def acknowledge(self, alarm_id: int, comment: str | None = None) -> Alarm:
        """Say that somebody has it in hand; saying it twice changes nothing."""
        return self._connection.request(
            "POST", f"/api/alarms/{alarm_id}/acknowledge", _Alarm, json={"comment": comment}
        ).alarm

    # Sound

    def analyses(
        self, machine_id: int, *, before: datetime | None = None, limit: int = 100
    ) -> list[Analysis]:
        """Analyses of a machine's sound, newest first; `limit` is 1 to 1000."""
        query: dict[str, str | int] = {"limit": limit}
        if before is not None:
            query["before"] = before.isoformat()
        path = f"/api/machines/{machine_id}/analyses"
        return self._connection.request("GET", path, _Analyses, params=query).analyses

    def analyze(
        self, sound: Path, *, machine_id: int | None = None, patience_seconds: float = 60.0
    ) -> Analysis:
        """Upload a recording (WAV, FLAC, OGG, MP3, M4A, WebM) and wait for what is found in it.

        Raises
        ------
        AnalysisFailedError
            It could not be analysed, or not within `patience_seconds`.
        """
        query = {} if machine_id is None else {"machine_id": machine_id}
        job = self._connection.request(
            "POST",
            "/api/ai/analyze",
            _JobAnswer,
            repeatable=False,
            params=query,
            files={"audio": (sound.name, sound.read_bytes())},
        ).job
        deadline = time.monotonic() + patience_seconds
        while job.result is None:
            if job.state == "failed":
                raise AnalysisFailedError(job.reason or "the analysis failed")
            if time.monotonic() > deadline:
                raise AnalysisFailedError(f"still {job.state} after {patience_seconds:g} s; job {job.id}")
            self._patience.sleep(JOB_LOOK_SECONDS)
            job = self._connection.request("GET", f"/api/ai/jobs/{job.id}", _JobAnswer).job
        return job.result

    # Events

    def events(self, *, after: int | None = None, machine_id: int | None = None) -> Iterator[Event]:
        """What happens, as it happens: each event once and in order, for as long as it is iterated.

        A connection that breaks is opened again where it stopped. An event of type `reset` says that events
        were missed all the same (the server keeps them for a limited time): read the state anew.

        Parameters
        ----------
        after : the id of the last event that is known, to get what came since; None: from now on.
        machine_id : also the readings of this machine, as they come.
        """
        return follow(self._connection, after=after, machine_id=machine_id, patience=self._patience)


class _Shops(Result):
    shops: list[Shop]


class _Machine(Result):
    machine: Machine


class _Readings(Result):
    data: list[StoredReading]


class _Alarms(Result):
    alarms: list[Alarm]


class _Alarm(Result):
    alarm: Alarm


class _Analyses(Result):
    analyses: list[Analysis]


class _Job(Result):
    id: UUID
    state: str
    result: Analysis | None = None
    reason: str | None = None


class _JobAnswer(Result):
    job: _Job
