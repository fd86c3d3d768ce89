"""Compressed bodies, never larger in memory than they may be."""

import zlib

import zstandard

from signalcraft.errors import MalformedRequestError, TooLargeError, UnsupportedMediaError

ENCODINGS = ("identity", "gzip", "zstd")
_GZIP_WINDOW = 31  # zlib's way to say: 32 KiB, with gzip's header and check sum
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
"""The least that RFC 8878 asks every decoder to offer."""
_ZSTD_STEP_BYTES = 128
"""Four bytes may become a block of 128 KiB, so one step makes 4 MiB at most."""


def inflate(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body without its `Content-Encoding`.

    Raises
    ------
    UnsupportedMediaError
        Another encoding than ENCODINGS.
    TooLargeError
        It would have more than `limit` bytes.
    MalformedRequestError
        It is damaged or cut off, or something follows after its end.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            return _gzip(body, limit)
        case "zstd":
            return _zstd(body, limit)
    raise UnsupportedMediaError(f"Send this as {', '.join(ENCODINGS)}.", field="Content-Encoding")


def _gzip(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error:
        raise MalformedRequestError("The body is not gzip.", field="body") from None
    _check_size(len(data), limit)
    _check_end(stream.eof, stream.unused_data)
    return data


def _zstd(body: bytes, limit: int) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
    data = bytearray()
    try:
        for start in range(0, len(body), _ZSTD_STEP_BYTES):
            if stream.eof:
                raise MalformedRequestError(
                    "Something follows after the end of the zstd frame.", field="body"
                )
            data += stream.decompress(body[start : start + _ZSTD_STEP_BYTES])
            _check_size(len(data), limit)
    except zstandard.ZstdError:
        raise MalformedRequestError("The body is not zstd.", field="body") from None
    _check_end(stream.eof, stream.unused_data)
    return bytes(data)


def _check_size(length: int, limit: int) -> None:
    if length > limit:
        raise TooLargeError(f"The body inflates to more than {limit} bytes.", field="body")


def _check_end(ended: bool, left_over: bytes) -> None:
    if not ended:
        raise MalformedRequestError("The compressed body is cut off.", field="body")
    if left_over:
        raise MalformedRequestError("Something follows after the end of the compressed body.", field="body")
