"""JSON that every column can hold: bounded in depth, without doubled names, its numbers finite."""

import json
import math
import re
from collections import deque
from typing import Any

from signalcraft.errors import InvalidInputError, MalformedRequestError

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


def parse_json(data: bytes, *, lenient: bool = False) -> tuple[Any, dict[str, str]]:
    """A JSON document, and in lenient mode the paths and tokens of the unreadable numbers, now None.

    Raises
    ------
    MalformedRequestError
        Not UTF-8, not JSON, nested too deeply, a name twice in one object, or (unless lenient) a bare NaN or
        infinity.
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
            object_pairs_hook=_distinct,
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


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands twice one reader takes the first value and the next one the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedRequestError("The body names a field twice.", field="body")
    return found


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
