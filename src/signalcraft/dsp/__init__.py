"""Sound as numbers: decoding, quality, spectra, features. Pure functions over float32 arrays.

The usual path of a clip: `decode` or `decode_pcm`, `assess_quality` on what came out, `prepare`,
then a feature set.
"""

from signalcraft.dsp.containers import identify
from signalcraft.dsp.decode import decode, decode_pcm, encode_flac
from signalcraft.dsp.errors import AudioDecodeError, DspError
from signalcraft.dsp.quality import Quality, incomparable
from signalcraft.dsp.quality import assess as assess_quality
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ, Sound, prepare

__all__ = [
    "ANALYSIS_RATE_HZ",
    "AudioDecodeError",
    "DspError",
    "Quality",
    "Sound",
    "assess_quality",
    "decode",
    "decode_pcm",
    "encode_flac",
    "identify",
    "incomparable",
    "prepare",
]
