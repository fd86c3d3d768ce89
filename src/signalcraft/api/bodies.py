"""Request bodies, bounded while they are read, and JSON that every column can hold."""

import json
import math
import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request, current_app, request

from signalcraft.errors import InvalidInputError, MalformedRequestError, TooLargeError, UnsupportedMediaError
from signalcraft.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

DEPTH_LIMIT = 16
"""The deepest message of any known node has 3 levels; the parser's own stack ends near 1,000."""

_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\]|\\.)*+"?)      # unterminated, it swallows the rest: one pass, never quadratic
    | (?P<word>-?[A-Za-z_][A-Za-z0-9_]*)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    """,
    re.VERBOSE | re.DOTALL,
)
_UNREADABLE = {"nan": "NaN", "inf": "Infinity", "infinity": "Infinity", "ovf": "Infinity"}
"""What Arduino's `String(float)` prints when there is no number, and the token Python's parser knows."""


class UnreadableNumber(str):
    """A bare `nan`, `inf`, `ovf` … as the sender wrote it, on its way out of the document."""


class BoundedRequest(Request):
    """Flask's request whose JSON goes through `parse_json`.

    Attributes
    ----------
    unreadable_numbers : field path (`vibration.x`) to token, of the numbers old firmware could not print.
    """

    unreadable_numbers: dict[str, str]

    @property  # type: ignore[misc]  # Werkzeug's can be set; nothing here does
    def max_content_length(self) -> int:  # type: ignore[override]
        """One byte more than the view accepts.

        Werkzeug ends an unannounced (chunked) body silently at this length; the byte too many gives it away.
        """
        return self.body_limit_bytes + 1

    @property
    def body_limit_bytes(self) -> int:
        """The limit of the view's `body_limit`, by default that of a JSON document."""
        limit: int = getattr(settings(), getattr(_view(self), "body_limit", "json_limit_bytes"))
        return limit

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if self.mimetype and self.mimetype != "application/json" and not self.mimetype.endswith("+json"):
            raise UnsupportedMediaError("Send this as application/json.", field="Content-Type")
        lenient = getattr(_view(self), "lenient_json", False)
        document, self.unreadable_numbers = parse_json(read_body(self), lenient=lenient)
        return document


def settings() -> Settings:
    """The settings this application was made with."""
    made_with: Settings = current_app.config["SETTINGS"]
    return made_with


def lenient_json(view: View) -> View:
    """Mark a view for firmware that prints bare `nan` and `inf`: they become None, and are known by path."""
    view.lenient_json = True  # type: ignore[attr-defined]  # functools.wraps carries it to the wrapping view
    return view


def body_limit(setting: str) -> Callable[[View], View]:
    """Mark a view with the setting that says how many bytes its body may have."""

    def mark(view: View) -> View:
        view.body_limit = setting  # type: ignore[attr-defined]  # functools.wraps carries it on
        return view

    return mark


def unreadable_numbers() -> dict[str, str]:
    """Path and token of each number the sender of this request could not print."""
    return getattr(request, "unreadable_numbers", {})


def read_body(request: BoundedRequest) -> bytes:
    """The whole body; reading stops at the view's limit, whatever Content-Length says or leaves unsaid.

    Raises
    ------
    TooLargeError
        More than `body_limit_bytes` were announced or came.
    MalformedRequestError
        The body is empty, or the connection ended before all of it was there.
    """
    limit = request.body_limit_bytes
    announced = request.content_length or 0
    data = request.get_data(cache=False) if announced <= limit else b""
    if max(len(data), announced) > limit:
        raise TooLargeError(f"The body is larger than {limit} bytes.", field="body")
    if not data:
        raise MalformedRequestError("The body is empty.", field="body")
    if request.content_length is not None and len(data) != request.content_length:
        raise MalformedRequestError("The body ends before its announced length.", field="Content-Length")
    return data


def _view(request: Request) -> Callable[..., Any] | None:
    return current_app.view_functions.get(request.endpoint or "")


def parse_json(data: bytes, *, lenient: bool = False) -> tuple[Any, dict[str, str]]:
    """A JSON document, and in lenient mode the paths and tokens of the unreadable numbers, now None.

    Raises
    ------
    MalformedRequestError
        Not UTF-8, not JSON, nested too deeply, or (unless lenient) a bare NaN or infinity.
    InvalidInputError
        A number beyond what a double holds, or a text with characters that cannot be stored.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedRequestError("The body is not UTF-8.", field="body") from None
    tokens: deque[str] = deque()
    text = _prepare(text, tokens if lenient else None)
    try:
        document = json.loads(
            text,
            parse_constant=(lambda _: UnreadableNumber(tokens.popleft())) if lenient else _refuse_constant,
            parse_int=_bounded_int,
        )
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", field="body"
        ) from None
    unreadable: dict[str, str] = {}
    return _clean(document, (), unreadable), unreadable


def _prepare(text: str, tokens: deque[str] | None) -> str:
    """Check the depth and, given a list for them, turn bare tokens into constants Python's parser reports."""
    depth = 0

    def visit(match: re.Match[str]) -> str:
        nonlocal depth
        token = match.group()
        if match.lastgroup == "open":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise MalformedRequestError(
                    f"The body is nested deeper than {DEPTH_LIMIT} levels.", field="body"
                )
        elif match.lastgroup == "close":
            depth -= 1
        elif match.lastgroup == "word" and tokens is not None:
            constant = _UNREADABLE.get(token.lstrip("-").lower())
            if constant is not None:
                tokens.append(token)
                return constant
        return token

    return _TOKEN.sub(visit, text)


def _refuse_constant(token: str) -> Any:
    raise MalformedRequestError(f"The body is not JSON: {token} is not a number.", field="body")


def _bounded_int(digits: str) -> int | float:
    """Python's integers have no bound, and parsing thousands of digits takes quadratic time."""
    return int(digits) if len(digits) <= 20 else float(digits)


def _clean(value: Any, path: tuple[str, ...], unreadable: dict[str, str]) -> Any:
    if isinstance(value, UnreadableNumber):
        unreadable[".".join(path)] = str(value)
        return None
    if isinstance(value, dict):
        return {_storable(key, path): _clean(item, (*path, key), unreadable) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, (*path, str(place)), unreadable) for place, item in enumerate(value)]
    if isinstance(value, str):
        return _storable(value, path)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInputError("The number is beyond what can be stored.", field=".".join(path) or "body")
    return value


def _storable(text: str, path: tuple[str, ...]) -> str:
    """PostgreSQL's text holds neither NUL nor half of a surrogate pair."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError(
            "The text holds a character that cannot be stored.", field=".".join(path) or "body"
        )
    return text
