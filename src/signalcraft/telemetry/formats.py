"""A batch's body as readings: JSON, NDJSON or CBOR, decoded at once, or one by one where that fails.

One bad reading spoils only itself. A body that cannot be told apart into readings is refused as a whole.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cbor2
import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from signalcraft.errors import (
    InvalidInputError,
    MalformedRequestError,
    TooLargeError,
    UnsupportedMediaError,
)
from signalcraft.telemetry.batches import Batch
from signalcraft.telemetry.items import Columnar, Item, ItemError

READINGS_LIMIT = 5_000
"""Readings of one batch: an hour and a half of a node that measures each second."""
MEDIA_TYPES = ("application/json", "application/x-ndjson", "application/cbor")

_ITEM_COMMAS = 13
"""A reading with every member has 11, and one stands between two readings."""
_CBOR_DEPTH = 4
"""Batch, reading, vibration; the decoder counts one more."""

_items = msgspec.json.Decoder(list[Item])
_item = msgspec.json.Decoder(Item)
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_WHERE = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"field `(?P<name>.*)`$", re.DOTALL)


@dataclass(frozen=True)
class Decoded:
    """What a body holds.

    batch : the readings that are sound. index : each one's place in what was sent. errors : of the others.
    """

    batch: Batch
    index: NDArray[np.intp]
    errors: Sequence[ItemError]


def decode(body: bytes, media_type: str) -> Decoded:
    """The readings of a batch.

    Raises
    ------
    UnsupportedMediaError
        Another media type than MEDIA_TYPES.
    MalformedRequestError
        The body is not what its media type says.
    InvalidInputError
        There is no reading in it.
    TooLargeError
        There are more than READINGS_LIMIT.
    """
    match media_type:
        case "application/json":
            items, index, errors = _json(body)
        case "application/x-ndjson":
            items, index, errors = _json_lines(body)
        case "application/cbor":
            items, index, errors = _cbor(body)
        case _:
            raise UnsupportedMediaError(f"Send this as {', '.join(MEDIA_TYPES)}.", field="Content-Type")
    _check_count(len(items) + len(errors))
    columnar = Columnar(items)
    places = np.array(index, np.intp)
    errors += [ItemError(index[error.index], error.field, error.message) for error in columnar.errors]
    return Decoded(columnar.batch, places[columnar.place], sorted(errors, key=lambda error: error.index))


_Read = tuple[Sequence[Item], Sequence[int], list[ItemError]]


def _json(body: bytes) -> _Read:
    try:
        items = _items.decode(body)
        if _has_each_key_once(body, items):
            return items, range(len(items)), []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # which of them is wrong is found out one by one
    if body.count(b",") > READINGS_LIMIT * _ITEM_COMMAS:
        _check_count(READINGS_LIMIT + 1)
    try:
        return _one_by_one(_raw_items.decode(body), _json_item)
    except msgspec.ValidationError:
        raise InvalidInputError("A list of readings is expected.", field="body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequestError(f"The body is not JSON: {_words(error)}.", field="body") from None


def _json_lines(body: bytes) -> _Read:
    lines = [line for line in body.split(b"\n", READINGS_LIMIT + 1) if line.strip()]
    _check_count(len(lines))
    try:
        items = _item.decode_lines(body)
        if _has_each_key_once(body, items):
            return items, range(len(items)), []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return _one_by_one(lines, _json_item)


def _cbor(body: bytes) -> _Read:
    try:
        documents = cbor2.loads(
            body,
            max_depth=_CBOR_DEPTH,
            allow_duplicate_keys=False,
            allow_indefinite=False,
            strict_hashable_types=True,
            semantic_decoders={},
        )
    except (cbor2.CBORDecodeError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise MalformedRequestError(f"The body is not CBOR: {_words(error)}.", field="body") from None
    if not isinstance(documents, list):
        raise InvalidInputError("A list of readings is expected.", field="body")
    _check_count(len(documents))
    try:
        return msgspec.convert(documents, list[Item]), range(len(documents)), []
    except msgspec.ValidationError:
        return _one_by_one(documents, lambda document: msgspec.convert(document, Item))


def _json_item(raw: bytes | msgspec.Raw) -> Item:
    item = _item.decode(raw)
    json.loads(bytes(raw), object_pairs_hook=_refuse_repeated_key)
    return item


def _one_by_one(documents: Sequence[Any], read: Callable[[Any], Item]) -> _Read:
    _check_count(len(documents))
    items: list[Item] = []
    index: list[int] = []
    errors: list[ItemError] = []
    for place, document in enumerate(documents):
        try:
            items.append(read(document))
            index.append(place)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _RepeatedKeyError) as error:
            errors.append(_item_error(place, error))
    return items, index, errors


class _RepeatedKeyError(Exception):
    """One name twice in one object."""


def _refuse_repeated_key(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _RepeatedKeyError(name)


def _has_each_key_once(body: bytes, items: Sequence[Item]) -> bool:
    """Whether no name stands twice in one object, told from the number of quotation marks.

    The decoder takes the last of two values silently. What it found needs two marks for each name and each
    text; more of them in the body mean a name too many (or an escaped mark): then each is looked at alone.
    """
    names = texts = 0
    for member in Item.__struct_fields__:
        values = [getattr(item, member) for item in items]
        names += len(values) - values.count(UNSET)
        kinds = list(map(type, values))
        texts += kinds.count(str)
        if member == "vibration":
            names += 3 * (len(values) - values.count(UNSET) - values.count(None))
    return body.count(b'"') == 2 * (names + texts)


def _item_error(place: int, error: Exception) -> ItemError:
    """The library's sentence, with the field in the sender's words."""
    if isinstance(error, _RepeatedKeyError):
        return ItemError(place, str(error), "the name stands here more than once")
    found = _WHERE.match(_words(error))
    message, path = (found["message"], found["path"] or "") if found else (_words(error), "")
    named = _NAMED.search(message)
    if named:
        path = f"{path}.{named['name']}"
    return ItemError(place, path.lstrip(".")[:100] or "body", message[:200])


def _words(error: Exception) -> str:
    return str(error).rstrip(".")


def _check_count(readings: int) -> None:
    if readings == 0:
        raise InvalidInputError("There is no reading in the body.", field="body")
    if readings > READINGS_LIMIT:
        raise TooLargeError(f"A batch holds at most {READINGS_LIMIT} readings.", field="body")
