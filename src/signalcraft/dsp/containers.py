"""What kind of sound file bytes are, by their content, and whether the file was cut off.

Decoders forgive a missing end; a clip that lost half its sound on the way must not pass for a whole one, so
the containers' own length fields are compared with what arrived.
"""

import struct
from collections.abc import Iterator
from typing import Literal

Container = Literal["wav", "flac", "ogg", "mp3", "mp4", "webm", "aac"]

_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF)  # written by programs that stream a WAV and cannot go back to its header
_EBML_SEGMENT = 0x18538067
_OGG_LAST_PAGE = 0x04
_OGG_HEADER = 27


def identify(data: bytes) -> Container | None:
    """The container by its first bytes, or None if it is none of the known."""
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    if data[4:8] == b"ftyp":
        return "mp4"
    if data[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    if data[:3] == b"ID3":
        return "mp3"
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        layer = data[1] >> 1 & 3  # MPEG audio frame; layer 0 is AAC in ADTS frames
        return "mp3" if layer else "aac"
    return None


def is_cut_off(data: bytes, container: Container) -> bool:
    """True if the container says that it is longer than `data`.

    FLAC and MP3 are not looked at here: their decoders tell how many samples were promised. WebM from a
    browser's recorder has no length at all; there nothing can be told.
    """
    match container:
        case "wav":
            return any(
                start + size > len(data) for name, start, size in _riff_chunks(data) if name == b"data"
            )
        case "ogg":
            return not _ends_with_last_ogg_page(data)
        case "mp4":
            return any(end > len(data) for end in _mp4_box_ends(data))
        case "webm":
            return _webm_segment_end(data) > len(data)
        case _:
            return False


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of content, length) of each chunk, as far as the headers are there."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if name == b"data" and size in _UNKNOWN_LENGTHS:
            return
        yield name, start, size
        position = start + size + size % 2


def _ends_with_last_ogg_page(data: bytes) -> bool:
    page = data.rfind(b"OggS")
    if page < 0 or page + _OGG_HEADER > len(data):
        return False
    segments = data[page + 26]
    table = data[page + _OGG_HEADER : page + _OGG_HEADER + segments]
    complete = page + _OGG_HEADER + segments + sum(table) <= len(data)
    return complete and bool(data[page + 5] & _OGG_LAST_PAGE)


def _mp4_box_ends(data: bytes) -> Iterator[int]:
    position = 0
    while position + 8 <= len(data):
        size: int = struct.unpack_from(">I", data, position)[0]
        if size == 1 and position + 16 <= len(data):
            size = struct.unpack_from(">Q", data, position + 8)[0]
        if size < 8:  # 0: the last box, to the end of the file; other values are damage the decoder will find
            return
        position += size
        yield position


def _webm_segment_end(data: bytes) -> int:
    """Where the Segment element should end; 0 if the file does not say."""
    position = 0
    while position < len(data):
        identifier, after_identifier = _ebml_number(data, position, keep_marker=True)
        size, start = _ebml_number(data, after_identifier, keep_marker=False)
        if identifier is None or size is None:
            return 0
        if identifier == _EBML_SEGMENT:
            return start + size
        position = start + size
    return 0


def _ebml_number(data: bytes, position: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """EBML's variable-length integer (RFC 8794, 4) and the position after it; None if unknown or cut."""
    if position >= len(data) or data[position] == 0:
        return None, position
    length = 9 - data[position].bit_length()
    raw = int.from_bytes(data[position : position + length], "big")
    value = raw if keep_marker else raw & ((1 << 7 * length) - 1)
    unknown = not keep_marker and value == (1 << 7 * length) - 1
    if unknown or position + length > len(data):
        return None, position
    return value, position + length
