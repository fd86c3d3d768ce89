"""Taking sound in: bytes to the object store, then rows, then a place in the queue.

In that order: a row without its sound could never be analysed, while sound without a row (the process died
in between) is found and removed by `tasks.sweep_objects`.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from celery import current_app
from sqlalchemy.orm import Session

from signalcraft import dsp, metrics
from signalcraft.accounts.access import Principal
from signalcraft.acoustics import queries
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import InvalidInputError
from signalcraft.fleet.models import Device, Machine
from signalcraft.logging import request_id
from signalcraft.settings import get_settings
from signalcraft.storage import objects

FRAGMENT_SECONDS = 0.25
"""Anything shorter is a piece of a clip: the old firmware sends 64 ms at a time."""

QUEUE_WAIT = timedelta(seconds=15)
"""How long a queued message has before the sweeper takes it for lost."""

Priority = Literal["normal", "high", "urgent"]
"""How a node ranks its clip (X-Priority)."""

_QUEUE_PRIORITY: dict[Priority, int] = {"urgent": 0, "high": 3, "normal": 6}
"""Celery's on Redis: lower is served first. A person waits for an upload, so that ranks as high."""

MEDIA_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    "aac": "audio/aac",
}


@dataclass(frozen=True)
class ReceivedClip:
    """What became of a node's sound: an analysis in the queue, or a piece that waits for more."""

    clip_id: UUID | None
    analysis_id: UUID | None
    state: Literal["queued", "collecting"]
    duration_s: float


def receive_node_clip(
    session: Session,
    device: Device,
    pcm: bytes,
    *,
    sample_rate_hz: int,
    bits_per_sample: int,
    measured_at: datetime | None,
    synthetic: bool = False,
    priority: Priority = "normal",
) -> ReceivedClip:
    """Keep a node's raw sound: signed 16-bit little-endian mono PCM.

    Raises
    ------
    InvalidInputError
        The bytes cannot be such sound; nothing is stored.
    """
    try:
        sound = dsp.decode_pcm(pcm, sample_rate_hz=sample_rate_hz, bits_per_sample=bits_per_sample)
    except dsp.AudioDecodeError as error:
        raise InvalidInputError(_sentence(error), field="body") from error
    if sound.duration_s > get_settings().clip_limit_seconds:
        raise InvalidInputError(
            f"The clip is longer than {get_settings().clip_limit_seconds:g} seconds.", field="body"
        )
    if sound.duration_s < FRAGMENT_SECONDS:
        return _collect_fragment(session, device, pcm, sample_rate_hz, sound.duration_s, synthetic=synthetic)
    return _store_node_clip(
        session,
        device,
        pcm,
        sample_rate_hz=sample_rate_hz,
        measured_at=measured_at,
        synthetic=synthetic,
        priority=priority,
    )


def join_fragments(session: Session, device: Device, *, synthetic: bool = False) -> ReceivedClip | None:
    """Make a clip of a device's waiting pieces if they are long or old enough.

    Pieces after a change of sample rate begin a clip of their own.
    """
    fragments = queries.lock_device_fragments(session, device.id)
    if not fragments:
        return None
    first_rate = fragments[0].sample_rate_hz
    changed = next((i for i, piece in enumerate(fragments) if piece.sample_rate_hz != first_rate), None)
    head = fragments[:changed]
    settings = get_settings()
    seconds = sum(len(piece.pcm) for piece in head) / 2 / first_rate
    oldest = utc_now() - head[0].received_at
    if (
        changed is None
        and seconds < settings.fragment_clip_seconds
        and oldest < timedelta(seconds=settings.fragment_wait_seconds)
    ):
        return None
    queries.delete_fragments(session, [piece.id for piece in head])
    return _store_node_clip(
        session,
        device,
        b"".join(piece.pcm for piece in head),
        sample_rate_hz=first_rate,
        measured_at=head[0].received_at,
        synthetic=synthetic,
        segment_samples=_segment_samples(head),
    )


def receive_upload(
    session: Session, principal: Principal, data: bytes, *, machine: Machine | None
) -> tuple[Analysis, Clip]:
    """Keep a person's sound file and queue its analysis, against the machine's baseline if one is named.

    Raises
    ------
    InvalidInputError
        It is not sound, is cut off or damaged, or is too long; nothing is stored.
    """
    try:
        sound = dsp.decode(data, max_duration_s=get_settings().clip_limit_seconds)
    except dsp.AudioDecodeError as error:
        raise InvalidInputError(_sentence(error), field="audio") from error
    container = dsp.identify(data) or "wav"
    now = utc_now()
    clip = _store(
        session,
        data,
        now=now,
        suffix=container,
        clip=Clip(
            machine_id=machine.id if machine else None,
            uploaded_by=principal.user_id,
            source="upload",
            media_type=MEDIA_TYPES[container],
            sample_rate_hz=sound.source_rate_hz,
            duration_s=sound.duration_s,
        ),
    )
    return _queue(session, clip, requested_by=principal.user_id, heard_at=now, priority="high"), clip


def queue_message(
    session: Session, analysis_id: UUID, request: str | None, priority: Priority = "normal"
) -> None:
    """Put the analysis on the queue once the transaction is committed."""
    after_commit(
        session,
        lambda: current_app.send_task(
            "acoustics.analyse",
            args=[str(analysis_id)],
            headers={"request_id": request},
            priority=_QUEUE_PRIORITY[priority],
        ),
    )


def _collect_fragment(
    session: Session,
    device: Device,
    pcm: bytes,
    sample_rate_hz: int,
    duration_s: float,
    *,
    synthetic: bool,
) -> ReceivedClip:
    session.add(
        ClipFragment(device_id=device.id, received_at=utc_now(), sample_rate_hz=sample_rate_hz, pcm=pcm)
    )
    session.flush()
    joined = join_fragments(session, device, synthetic=synthetic)
    return joined or ReceivedClip(None, None, "collecting", duration_s)


def _segment_samples(fragments: Sequence[ClipFragment]) -> int | None:
    """The pieces' common length in samples at the analysis rate; None where they differ."""
    lengths = {len(piece.pcm) for piece in fragments}
    if len(lengths) != 1:
        return None
    return round(lengths.pop() / 2 * dsp.ANALYSIS_RATE_HZ / fragments[0].sample_rate_hz)


def _store_node_clip(
    session: Session,
    device: Device,
    pcm: bytes,
    *,
    sample_rate_hz: int,
    measured_at: datetime | None,
    synthetic: bool,
    segment_samples: int | None = None,
    priority: Priority = "normal",
) -> ReceivedClip:
    duration_s = len(pcm) / 2 / sample_rate_hz
    digest = hashlib.sha256(pcm).digest()
    if measured_at is not None:
        earlier = queries.clip_sent_before(session, device.id, measured_at, digest)
        if earlier is not None:
            return ReceivedClip(earlier.id, None, "queued", duration_s)
    now = utc_now()
    clip = _store(
        session,
        dsp.encode_flac(pcm, sample_rate_hz=sample_rate_hz),
        now=now,
        suffix="flac",
        clip=Clip(
            device_id=device.id,
            machine_id=device.machine_id,
            source="node",
            measured_at=measured_at,
            media_type=MEDIA_TYPES["flac"],
            sample_rate_hz=sample_rate_hz,
            duration_s=duration_s,
            segment_samples=segment_samples,
            synthetic=synthetic,
            sha256=digest,
        ),
    )
    analysis = _queue(session, clip, requested_by=None, heard_at=measured_at or now, priority=priority)
    return ReceivedClip(clip.id, analysis.id, "queued", duration_s)


def _store(session: Session, data: bytes, *, now: datetime, suffix: str, clip: Clip) -> Clip:
    clip.object_key = f"clips/{now:%Y/%m/%d/%H}/{secrets.token_hex(16)}.{suffix}"
    clip.size_bytes = len(data)
    clip.sha256 = clip.sha256 or hashlib.sha256(data).digest()
    clip.received_at = now
    clip.request_id = request_id()
    objects.put(clip.object_key, data)
    session.add(clip)
    session.flush()
    return clip


def _queue(
    session: Session, clip: Clip, *, requested_by: int | None, heard_at: datetime, priority: Priority
) -> Analysis:
    analysis = Analysis(
        clip_id=clip.id,
        machine_id=clip.machine_id,
        requested_by=requested_by,
        heard_at=heard_at,
        state="queued",
        claimable_at=utc_now() + QUEUE_WAIT,
        attempts=0,
        request_id=clip.request_id,
    )
    session.add(analysis)
    session.flush()
    after_commit(session, metrics.CLIPS.labels(clip.source).inc)
    queue_message(session, analysis.id, clip.request_id, priority)
    return analysis


def _sentence(error: dsp.AudioDecodeError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."
