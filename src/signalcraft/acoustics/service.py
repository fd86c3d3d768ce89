"""What the doors ask of the acoustics: results for those who may see them, and the old rule."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft import dsp
from signalcraft.accounts.access import Principal
from signalcraft.acoustics import queries
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.schemas import AnalysisSummary
from signalcraft.dsp import overload
from signalcraft.errors import InvalidInputError, NotFoundError
from signalcraft.fleet.models import Machine
from signalcraft.settings import get_settings


def get_analysis(session: Session, principal: Principal, analysis_id: UUID) -> tuple[Analysis, Clip]:
    """An analysis with its clip.

    Raises
    ------
    NotFoundError
        There is none, or it is neither of their shops nor their own upload.
    """
    found = queries.analysis_with_clip(session, analysis_id)
    if found is None:
        raise NotFoundError("There is no such analysis.")
    _require_visible(session, principal, found[1])
    return found


def get_clip(session: Session, principal: Principal, clip_id: UUID) -> Clip:
    """A clip's row.

    Raises
    ------
    NotFoundError
        There is none, or it is neither of their shops nor their own upload.
    """
    clip = session.get(Clip, clip_id)
    if clip is None:
        raise NotFoundError("There is no such clip.")
    _require_visible(session, principal, clip)
    return clip


def list_machine_analyses(
    session: Session, machine_id: int, *, limit: int, before: datetime | None
) -> list[AnalysisSummary]:
    """Finished analyses of a machine, newest sound first. The caller has checked who asks."""
    rows = queries.machine_analyses(session, machine_id, limit=limit, before=before)
    return [AnalysisSummary.of(analysis, clip) for analysis, clip in rows]


def lightweight(data: bytes) -> overload.OverloadResult:
    """The old rule-based check of an upload, computed truly.

    Raises
    ------
    InvalidInputError
        It is not sound that can be judged.
    """
    try:
        sound = dsp.decode(data, max_duration_s=get_settings().clip_limit_seconds)
        quality = dsp.assess_quality(sound)
        if not quality.assessable:
            raise InvalidInputError(
                f"The sound cannot be assessed: {', '.join(quality.reasons)}.", field="audio"
            )
        return overload.analyse(dsp.prepare(sound).samples)
    except dsp.DspError as error:
        raise InvalidInputError(f"{error}", field="audio") from error


def _require_visible(session: Session, principal: Principal, clip: Clip) -> None:
    if clip.uploaded_by is not None and clip.uploaded_by == principal.user_id:
        return
    machine = session.get(Machine, clip.machine_id) if clip.machine_id is not None else None
    if not principal.may_see(machine.shop_id if machine else None):
        raise NotFoundError("There is no such thing here, or it is not yours to see.")
