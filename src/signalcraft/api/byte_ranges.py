"""Answer a request for stored bytes, or for a part of them (RFC 9110, 14), without reading the rest."""

from collections.abc import Callable

from flask import Request, Response
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import RequestedRangeNotSatisfiable


def serve_bytes(
    request: Request,
    read: Callable[[int, int], bytes],
    *,
    size: int,
    media_type: str,
    etag: str,
    cache_control: str,
) -> Response:
    """200 with everything, 206 with the one range asked for, or 304 where the caller has it already.

    Parameters
    ----------
    read : gives `length` bytes from `start` on.
    size : length of the whole in bytes.
    etag : names these very bytes; they never change under it.

    Raises
    ------
    RequestedRangeNotSatisfiable
        The range lies outside the sound (416, with the true length).
    """
    if request.method == "GET" and request.if_none_match.contains(etag):
        response = Response(status=304)
    else:
        start, stop = _asked(request, size, etag)
        is_part = (start, stop) != (0, size)
        body = b"" if request.method == "HEAD" else read(start, stop - start)
        response = Response(body, status=206 if is_part else 200, content_type=media_type)
        response.content_length = stop - start
        if is_part:
            response.content_range = ContentRange("bytes", start, stop, size)
        # A browser must play it as what we say it is, never sniff a page out of somebody's upload.
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Disposition"] = "inline"
        response.accept_ranges = "bytes"
    response.headers["Cache-Control"] = cache_control
    response.set_etag(etag)
    return response


def _asked(request: Request, size: int, etag: str) -> tuple[int, int]:
    """The first and one past the last byte to send."""
    asked = request.range
    condition = request.if_range
    outdated = condition.date is not None or (condition.etag is not None and condition.etag != etag)
    # Several ranges in one answer are something no player asks for; ignoring them is allowed.
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or outdated:
        return 0, size
    found = asked.range_for_length(size)
    if found is None:
        raise RequestedRangeNotSatisfiable(size)
    return found
