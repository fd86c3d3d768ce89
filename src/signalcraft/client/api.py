"""The client for people and their programs: shops, machines, alarms, analyses, events, data."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

import httpx

from signalcraft.client.connection import Connection
from signalcraft.client.credentials import Session, Token
from signalcraft.client.errors import AnalysisFailedError
from signalcraft.client.events import Event, follow
from signalcraft.client.patience import Patience
from signalcraft.client.results import (
    Alarm,
    Analysis,
    Command,
    Device,
    Latest,
    Machine,
    Result,
    Series,
    Shop,
    StoredReading,
)

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

    # Devices

    def devices(self, *, shop_id: int | None = None, machine_id: int | None = None) -> list[Device]:
        """The devices that this person may see, of all shops and machines or of one."""
        query = _given(shop_id=shop_id, machine_id=machine_id)
        return self._connection.request("GET", "/api/devices", _Devices, params=query).devices

    def order(
        self, device_id: str, kind: Literal["calibrate", "restart"], *, expires_in_s: int = 3600
    ) -> Command:
        """Have a node do something at its next contact; it confirms. After 60 s to 30 days it is too late."""
        return self._connection.request(
            "POST",
            f"/api/devices/{_quoted(device_id)}/commands",
            _Command,
            repeatable=False,
            json={"kind": kind, "expires_in_s": expires_in_s},
        ).command

    def commands(self, device_id: str, *, limit: int = 50) -> list[Command]:
        """What a node was told to do, newest first; `limit` is 1 to 500."""
        path = f"/api/devices/{_quoted(device_id)}/commands"
        return self._connection.request("GET", path, _Commands, params={"limit": limit}).commands

    def change_settings(
        self, device_id: str, *, upload_interval_s: int | None = None, sample_rate_hz: int | None = None
    ) -> None:
        """Have a node work otherwise from its next contact on; what is None stays as it is."""
        body = _given(upload_interval_s=upload_interval_s, sample_rate_hz=sample_rate_hz)
        self._connection.request("PATCH", f"/api/devices/{_quoted(device_id)}/settings", Result, json=body)

    # Readings

    def latest(self, shop_id: int) -> list[Latest]:
        """The newest values of all machines of a shop."""
        return self._connection.request("GET", f"/api/shops/{shop_id}/latest", _Latest).machines

    def machine_series(
        self, machine_id: int, *, start: datetime, end: datetime, points: int = 1200
    ) -> Series:
        """A machine's readings for a chart of that width, with gaps and without gravity.

        Parameters
        ----------
        start, end : with a zone; at most 400 days.
        points : 2 to 5000.
        """
        return self._series(f"/api/machines/{machine_id}/readings", start, end, points)

    def device_series(self, device_id: str, *, start: datetime, end: datetime, points: int = 1200) -> Series:
        """The same of one device."""
        return self._series(f"/api/devices/{_quoted(device_id)}/readings", start, end, points)

    def _series(self, path: str, start: datetime, end: datetime, points: int) -> Series:
        query = {"from": start.isoformat(), "to": end.isoformat(), "points": points}
        return self._connection.request("GET", path, Series, params=query)

    def export_readings(
        self,
        device_id: str,
        file: Path,
        *,
        start: datetime,
        end: datetime,
        format: Literal["csv", "parquet"] = "parquet",  # the API's own word
    ) -> None:
        """Write a device's readings of that time to a file, as they come. The file is whole or not there."""
        query = {"from": start.isoformat(), "to": end.isoformat(), "format": format}
        path = f"/api/devices/{_quoted(device_id)}/readings/export"
        self._connection.download(path, file, params=query)

    def readings(self, device_id: str, *, hours: int = 24, limit: int = 1000) -> list[StoredReading]:
        """A device's readings, newest first: `hours` back (to 8784), at most `limit` of them (to 10,000)."""
        path = f"/api/iot/sensors/data/{_quoted(device_id)}"
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
        query = _given(machine_id=machine_id, state="open" if only_open else "all", limit=limit)
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
        query = _given(limit=limit, before=before.isoformat() if before else None)
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
        job = self._connection.request(
            "POST",
            "/api/ai/analyze",
            _JobAnswer,
            repeatable=False,
            params=_given(machine_id=machine_id),
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


def _given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _quoted(device_id: str) -> str:
    return quote(device_id, safe="")


class _Devices(Result):
    devices: list[Device]


class _Command(Result):
    command: Command


class _Commands(Result):
    commands: list[Command]


class _Latest(Result):
    machines: list[Latest]


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
