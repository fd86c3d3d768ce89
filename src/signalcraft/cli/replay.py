"""`signalcraft replay`: play recordings to the server exactly as a node would send them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.cli.recordings import (
    RecordedClip,
    UnreadableRecordingError,
    count_clips,
    cut,
    find_recordings,
)
from signalcraft.client import ClientError, NodeClient

console = Console()

REASONS_SHOWN = 5


@dataclass
class Tally:
    """What became of the clips sent."""

    sent: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.sent - self.refused

    def refuse(self, reason: str) -> None:
        self.refused += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


def replay(
    files: Annotated[list[Path], typer.Argument(help="Sound files, or folders of them.", metavar="FILE…")],
    device: Annotated[str, typer.Option(help="Name of the node that seems to send.")],
    speed: Annotated[float, typer.Option(min=0.01, max=10_000, help="Times real time.")] = 1.0,
    url: Annotated[
        str | None, typer.Option(help="Server of the nodes; the instance on this host if left out.")
    ] = None,
    start_at: Annotated[
        datetime | None,
        typer.Option(
            help="When the first clip was recorded (UTC); left out, the arrival counts.",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
        ),
    ] = None,
    priority: Annotated[str, typer.Option(help="normal, high or urgent.")] = "normal",
    key: Annotated[str | None, typer.Option(help="The device's key, if it has one.")] = None,
) -> None:
    """Play recordings exactly as a node sends them. 녹음 파일을 센서가 보내는 것과 똑같이 전송합니다."""
    try:
        recordings = find_recordings(files)
        total = sum(count_clips(path) for path in recordings)
    except UnreadableRecordingError as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(2) from error
    server, page = _addresses(url)
    measured_at = None if start_at is None else start_at.replace(tzinfo=UTC)
    with NodeClient(server, keys={device: key} if key else None) as client:
        greet(client, device, console)
        tally = _play(client, recordings, total, device, speed, measured_at, priority)
    _report(tally, device, page)
    if tally.refused:
        raise typer.Exit(1)


def _addresses(url: str | None) -> tuple[str, str]:
    """(server, page): either public port answers every path, so a given URL serves for both."""
    if url is not None:
        origin = url.rstrip("/")
        if not re.match(r"https?://[^/]+$", origin):
            raise typer.BadParameter(
                "an origin such as http://192.168.0.10:8000 is expected", param_hint="--url"
            )
        return origin, origin + "/"
    settings = local_settings()
    return public_url(settings, settings.api_port), public_url(settings, settings.gateway_port) + "/"


def _play(
    client: NodeClient,
    recordings: list[Path],
    total: int,
    device: str,
    speed: float,
    measured_at: datetime | None,
    priority: str,
) -> Tally:
    tally = Tally()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("accepted {task.fields[accepted]} · refused {task.fields[refused]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=total, accepted=0, refused=0)

        def send(clip: RecordedClip) -> None:
            nonlocal measured_at
            progress.update(bar, description=clip.path.name)
            tally.sent += 1
            try:
                client.send_clip(
                    device,
                    clip.pcm,
                    sample_rate_hz=clip.sample_rate_hz,
                    priority=priority,
                    measured_at=measured_at,
                )
            except ClientError as error:
                tally.refuse(str(error))
            if measured_at is not None:
                measured_at += timedelta(seconds=clip.duration_s)
            progress.update(bar, advance=1, accepted=tally.accepted, refused=tally.refused)

        pace(recordings, speed, send)
    return tally


def greet(client: NodeClient, device: str, console: Console) -> None:
    """Say hello as a node does at boot; where that is refused, say why and end the command."""
    try:
        with console.status(f"{device} …"):
            client.fetch_config(device)
    except ClientError as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(1) from error


def pace(
    recordings: list[Path],
    speed: float,
    send: Callable[[RecordedClip], None],
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send each clip when the one before has lasted `duration / speed`.

    The time that sending takes counts, so the pace holds; a pause of the server is not followed by a burst.
    """
    due = now()
    for path in recordings:
        for clip in cut(path):
            sleep(max(0.0, due - now()))
            due = max(due, now()) + clip.duration_s / speed
            send(clip)


def _report(tally: Tally, device: str, page: str) -> None:
    for reason, times in sorted(tally.reasons.items(), key=lambda item: -item[1])[:REASONS_SHOWN]:
        console.print(f"[red]refused {times} ×[/red] {reason}", highlight=False)
    console.print(
        f"{tally.accepted} of {tally.sent} clips accepted as node {device}. Watch them at {page}\n"
        f"{tally.sent}개 중 {tally.accepted}개의 소리를 {device} 센서로 보냈습니다. {page} 에서 확인하세요.",
        highlight=False,
    )
