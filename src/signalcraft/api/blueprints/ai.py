"""Sound that a person uploads: analysed through the queue, or at once by the old rule."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from time import perf_counter
from typing import Any
from uuid import UUID

from flask import Response, jsonify, url_for
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.file import FileStorage
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage as UploadedFile

from signalcraft.acoustics import reception, waiting
from signalcraft.acoustics import service as acoustics
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.schemas import AnalysisDetail
from signalcraft.api.access import principal, public, user
from signalcraft.api.bodies import body_limit
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.api.schemas import JobAccepted, JobAnswer, JobFinished, OverloadAnswer
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.dsp import overload
from signalcraft.errors import InvalidInputError, UnavailableError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.models import Machine
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "ai",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Analysis", description="Sound that a person uploads")],
    abp_responses=PROBLEM_RESPONSES,
)

WAITING_LIMIT = 8
"""Half of a process's threads (`gunicorn_conf.threads`) may wait for a result, half stay for nodes."""
LIGHTWEIGHT_LIMIT = 2
"""Anybody may call the old analysis and it works in the request: so many at once in a process."""
LIGHTWEIGHT_PATIENCE_SECONDS = 2.0

PROGRESS = {"queued": 0.0, "decoding": 0.25, "features": 0.5, "scoring": 0.75, "done": 1.0, "failed": 1.0}
"""Share of the steps that are behind the analysis."""

# RFC 9745: since when (2026-11-23) the old analysis is deprecated, and what follows it.
DEPRECATION = {"Deprecation": "@1795392000", "Link": '</api/ai/analyze>; rel="successor-version"'}

OVERLOAD_TEXT = {
    True: {"ko": "과부하음이 감지되었습니다", "en": "It sounds overloaded"},
    False: {"ko": "과부하음이 감지되지 않았습니다", "en": "It does not sound overloaded"},
}

_waiters = BoundedSemaphore(WAITING_LIMIT)
_lightweight = BoundedSemaphore(LIGHTWEIGHT_LIMIT)


class Upload(BaseModel):
    """A form with a sound file: WAV, FLAC, OGG, MP3, M4A, WebM."""

    model_config = ConfigDict(extra="forbid")

    audio: FileStorage
    machine_id: RowId | None = Field(None, description="The machine that was recorded.")


class OldUpload(BaseModel):
    """The form of old clients, which may hold further fields."""

    audio: FileStorage


class AnalyzeQuery(BaseModel):
    wait: float = Field(0, ge=0, le=10, description="Seconds to wait for the result.")
    machine_id: RowId | None = None


class JobPath(BaseModel):
    job_id: UUID


@blueprint.post("/ai/analyze", responses={200: JobFinished, 202: JobAccepted})
@user("analysis.run")
@limited("analysis")
@body_limit("upload_limit_bytes")
def analyze(query: AnalyzeQuery, form: Upload) -> Response:
    """Analyse a recording. 202 with a job, or 200 with the result when it is ready within `wait` seconds."""
    data = _sound(form.audio)
    with unit_of_work() as session:
        machine = _machine(session, form.machine_id or query.machine_id)
        analysis, clip = reception.receive_upload(session, principal(), data, machine=machine)
    if query.wait and _waiters.acquire(blocking=False):
        try:
            waiting.wait_for_analysis(analysis.id, query.wait)
        finally:
            _waiters.release()
        with unit_of_work() as session:
            analysis, clip = acoustics.get_analysis(session, principal(), analysis.id)
    document = _job(analysis, clip)
    if document["result"] is not None:
        return jsonify({"success": True, "job": document, "result": document["result"]})
    address = url_for("ai.job", job_id=analysis.id)
    response = jsonify({"success": True, "job": document, "links": {"job": address}})
    response.status_code = 202
    response.headers["Location"] = address
    return response


@blueprint.get("/ai/jobs/<uuid:job_id>", responses={200: JobAnswer})
@user("fleet.read")
def job(path: JobPath) -> dict[str, Any]:
    """How far an analysis is, and its result when it is done."""
    with unit_of_work() as session:
        analysis, clip = acoustics.get_analysis(session, principal(), path.job_id)
        return {"success": True, "job": _job(analysis, clip)}


@blueprint.post("/lightweight-analyze", deprecated=True, responses={200: OverloadAnswer})
@blueprint.post("/ai/lightweight-analyze", deprecated=True, responses={200: OverloadAnswer})
@public
@limited("public_analysis")
@body_limit("upload_limit_bytes")
def lightweight_analyze(form: OldUpload) -> Response:
    """The old server's check for an overloaded compressor: fixed thresholds that know nothing of the machine.

    `confidence` says how far the thresholds are passed; it is not a probability.
    """
    started = perf_counter()
    data = _sound(form.audio)
    with _lightweight_slot():
        found = acoustics.lightweight(data)
    text = OVERLOAD_TEXT[found.overload]
    response = jsonify(
        {
            "success": True,
            "status": "success",
            "is_overload": found.overload,
            "confidence": found.confidence,
            "processing_time_ms": (perf_counter() - started) * 1000,
            "message": text["ko"],
            "text": text,
            "timestamp": utc_now().timestamp(),
            "model_type": overload.NAME,
            "analysis_type": overload.NAME,
            "diagnosis_type": "overload",
            "audio_file": form.audio.filename,
            "features": {
                "overload_ratio": found.overload_ratio,
                "zero_crossing_rate": found.zero_crossing_rate,
                "spectral_centroid_hz": found.spectral_centroid_hz,
                "spectral_rolloff_hz": found.spectral_rolloff_hz,
            },
        }
    )
    response.headers.extend(DEPRECATION)
    return response


def _sound(audio: object) -> bytes:
    if not isinstance(audio, UploadedFile):
        raise InvalidInputError("Send the sound as a file.", field="audio")
    data: bytes = audio.read()
    if not data:
        raise InvalidInputError("The file is empty.", field="audio")
    return data


def _machine(session: Session, machine_id: int | None) -> Machine | None:
    if machine_id is None:
        return None
    machine = fleet.get_machine(session, principal(), machine_id)
    principal().require("analysis.run", machine.shop_id)
    return machine


def _job(analysis: Analysis, clip: Clip) -> dict[str, Any]:
    is_done = analysis.state == "done"
    result = AnalysisDetail.of(analysis, clip).model_dump(mode="json") if is_done else None
    return {
        "id": analysis.id,
        "state": analysis.state,
        "progress": PROGRESS[analysis.state],
        "result": result,
        "reason": ", ".join(analysis.reasons or []) or None if analysis.state == "failed" else None,
    }


@contextmanager
def _lightweight_slot() -> Iterator[None]:
    if not _lightweight.acquire(timeout=LIGHTWEIGHT_PATIENCE_SECONDS):
        raise UnavailableError("Other recordings are being analysed; try again in a moment.")
    try:
        yield
    finally:
        _lightweight.release()
