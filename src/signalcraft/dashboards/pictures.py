"""Pictures of recordings, drawn when they are asked for: the sound is the fact, the picture is not kept."""

from dataclasses import dataclass

from signalcraft import dsp
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.schemas import ExplanationOut
from signalcraft.dsp.marks import Marks
from signalcraft.dsp.spectrogram import Scale, spectrogram_png, spectrogram_scale
from signalcraft.errors import NotFoundError
from signalcraft.settings import get_settings
from signalcraft.storage import objects


def marks_of(analysis: Analysis) -> Marks:
    """The bands, tones and moments that the result speaks of."""
    told = ExplanationOut.model_validate(analysis.explanation or {})
    return Marks(
        bands=tuple((band.low_hz, band.high_hz) for band in told.bands),
        lines=tuple(line.hz for line in told.lines),
        moments=tuple((moment.start_s, moment.end_s) for moment in told.moments),
    )


@dataclass(frozen=True)
class Picture:
    """A PNG and what its edges mean."""

    png: bytes
    scale: Scale


def spectrogram(clip: Clip, *, width: int, height: int, marks: Marks | None = None) -> Picture:
    """Decode the stored sound and draw it, width x height pixels, with what differs marked. No session is
    held meanwhile.

    Raises
    ------
    NotFoundError
        The sound is gone from the store, or it is nothing that can be drawn.
    """
    data = objects.get(clip.object_key)
    try:
        sound = dsp.prepare(dsp.decode(data, max_duration_s=get_settings().clip_limit_seconds))
        png = spectrogram_png(
            sound, width=width, height=height, marks=marks, segment_samples=clip.segment_samples
        )
        return Picture(png, spectrogram_scale(sound, segment_samples=clip.segment_samples))
    except dsp.DspError as error:
        raise NotFoundError("No picture can be drawn of this sound.") from error
