"""Evidence: analyses with their explanation, and the sound itself to hear and to see."""

from typing import Any
from uuid import UUID

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.acoustics import service as acoustics
from signalcraft.acoustics.models import Clip
from signalcraft.acoustics.schemas import AnalysisDetail
from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.byte_ranges import serve_bytes
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.dashboards import pictures, service
from signalcraft.dashboards.schemas import AnalysisAnswer, ClipAnswer
from signalcraft.db.session import unit_of_work
from signalcraft.dsp.marks import Marks
from signalcraft.ratelimits.policy import limited
from signalcraft.storage import objects

blueprint = APIBlueprint(
    "clips",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Evidence", description="Recordings and what was found in them.")],
    abp_responses=PROBLEM_RESPONSES,
)

PRIVATE_FOR_AN_HOUR = "private, max-age=3600"
"""A recording never changes, but what a person may see does."""

_SOUND: dict[Any, Any] = {200: {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}}}
_PICTURE: dict[Any, Any] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


class AnalysisPath(BaseModel):
    analysis_id: UUID


class ClipPath(BaseModel):
    clip_id: UUID


class PictureQuery(BaseModel):
    width: int = Field(900, ge=64, le=2000, description="Pixels.")
    height: int = Field(300, ge=32, le=1000, description="Pixels.")


@blueprint.get("/analyses/<uuid:analysis_id>", responses={200: AnalysisAnswer})
@user("fleet.read")
def show_analysis(path: AnalysisPath) -> Response:
    """A diagnosis with its evidence, and the versions that made it."""
    with unit_of_work() as session:
        analysis, clip = acoustics.get_analysis(session, principal(), path.analysis_id)
        answer = AnalysisAnswer(analysis=AnalysisDetail.of(analysis, clip))
    return json_answer(answer)


@blueprint.get("/clips/<uuid:clip_id>", responses={200: ClipAnswer})
@user("fleet.read")
def show_clip(path: ClipPath) -> Response:
    """What is known of a recording besides its sound."""
    with unit_of_work() as session:
        answer = service.clip(session, principal(), path.clip_id)
    return json_answer(answer)


@blueprint.get("/clips/<uuid:clip_id>/audio", responses=_SOUND)
@user("fleet.read")
def audio(path: ClipPath) -> Response:
    """The sound as it was uploaded; a node's raw sound as FLAC. Ranges are answered."""
    with unit_of_work() as session:
        clip = acoustics.get_clip(session, principal(), path.clip_id)
    return serve_bytes(
        request,
        lambda start, length: objects.get_range(clip.object_key, start, length),
        size=clip.size_bytes,
        media_type=clip.media_type,
        etag=clip.sha256.hex(),
        cache_control=PRIVATE_FOR_AN_HOUR,
    )


@blueprint.get("/clips/<uuid:clip_id>/spectrogram.png", responses=_PICTURE)
@user("fleet.read")
@limited("picture")
def spectrogram(path: ClipPath, query: PictureQuery) -> Response:
    """A picture of the sound without axes; the X-Spectrogram headers say what its edges mean."""
    with unit_of_work() as session:
        clip = acoustics.get_clip(session, principal(), path.clip_id)
    return _picture(clip, query, None, "plain")


@blueprint.get("/analyses/<uuid:analysis_id>/spectrogram.png", responses=_PICTURE)
@user("fleet.read")
@limited("picture")
def marked_spectrogram(path: AnalysisPath, query: PictureQuery) -> Response:
    """The picture of an analysed clip with the bands, tones and moments marked that the result speaks of."""
    with unit_of_work() as session:
        analysis, clip = acoustics.get_analysis(session, principal(), path.analysis_id)
    return _picture(clip, query, pictures.marks_of(analysis), f"{analysis.id}-{analysis.revision}")


def _picture(clip: Clip, query: PictureQuery, marks: Marks | None, version: str) -> Response:
    etag = f"{clip.sha256.hex()}-{version}-{query.width}x{query.height}"
    if request.if_none_match.contains(etag):
        return _cached(Response(status=304), etag)
    picture = pictures.spectrogram(clip, width=query.width, height=query.height, marks=marks)
    response = Response(picture.png, mimetype="image/png")
    response.headers.update(
        {
            "X-Spectrogram-Min-Hz": f"{picture.scale.f_min_hz:g}",
            "X-Spectrogram-Max-Hz": f"{picture.scale.f_max_hz:g}",
            "X-Spectrogram-Duration-S": f"{picture.scale.duration_s:g}",
            "X-Spectrogram-Min-Db": f"{picture.scale.min_db:g}",
            "X-Spectrogram-Max-Db": f"{picture.scale.max_db:g}",
            "X-Spectrogram-Scale": "mel",
        }
    )
    return _cached(response, etag)


def _cached(response: Response, etag: str) -> Response:
    response.headers["Cache-Control"] = PRIVATE_FOR_AN_HOUR
    response.set_etag(etag)
    return response
