"""From a request to the writer and back: the readings in its body are committed when this returns."""

import threading
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, cast

from flask import request

from signalcraft.api.bodies import BoundedRequest, read_body, settings
from signalcraft.api.callers import callers
from signalcraft.errors import UnavailableError
from signalcraft.telemetry.batches import Batch
from signalcraft.telemetry.formats import decode
from signalcraft.telemetry.inflation import inflate
from signalcraft.telemetry.items import ItemError
from signalcraft.telemetry.recording import Outcome
from signalcraft.telemetry.writer import get_writer

COMMIT_SECONDS = 8.0
"""Deployed firmware gives an answer ten seconds."""
BATCHES_AT_ONCE = 6
"""Of the sixteen threads of a process: lone readings and whatever else comes must not wait behind batches."""
DECODED_AT_ONCE = 2
"""Of these: Python decodes one at a time anyway, and each takes up to 20 MB."""
DECODING_SECONDS = 2.0
"""How long a batch waits for its turn before its sender is asked to come back."""

_places = threading.BoundedSemaphore(BATCHES_AT_ONCE)
_decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)
_BUSY = "Too many batches come at once; send this one again later."


@dataclass(frozen=True)
class BatchOutcome:
    """How many readings of a batch are new or were there already, and what is wrong with the others."""

    stored: int
    duplicates: int
    errors: list[dict[str, Any]]


def receive_batch() -> BatchOutcome:
    """Store the readings in this request's body.

    Raises
    ------
    SignalCraftError
        The body cannot be told apart into readings (`telemetry.formats`), or there are too many of them now.
    """
    limit = settings().batch_limit_bytes
    with _turn():
        body = inflate(
            read_body(cast(BoundedRequest, request)), request.headers.get("Content-Encoding", ""), limit=limit
        )
        decoded = decode(body, request.mimetype)
        outcome = commit(decoded.batch) if len(decoded.batch) else Outcome(0, 0)
    for error in () if outcome.stored + outcome.duplicates else outcome.refused.values():
        if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise error  # about the sender: a node that took it for bad readings would drop them
    refused = [
        ItemError(int(decoded.index[place]), error.field or "body", error.detail)
        for place, error in outcome.refused.items()
    ]
    errors = sorted([*decoded.errors, *refused], key=lambda error: error.index)
    return BatchOutcome(outcome.stored, outcome.duplicates, [asdict(error) for error in errors])


def commit(batch: Batch) -> Outcome:
    """Store the readings.

    Raises
    ------
    UnavailableError
        Too many wait already, or the commit did not come in time. Sending the same again is harmless.
    """
    future = get_writer().submit(batch, callers(batch.names))
    try:
        return future.result(COMMIT_SECONDS)
    except FutureTimeoutError:
        raise UnavailableError("The readings could not be stored in time; send them again.") from None


def commit_one(batch: Batch) -> None:
    """Store the one reading of the batch, or raise why its device is not let in."""
    for error in commit(batch).refused.values():
        raise error


@contextmanager
def _turn() -> Iterator[None]:
    """Hold one of the places for batches.

    Raises
    ------
    UnavailableError
        None became free in time.
    """
    if not _places.acquire(blocking=False):
        raise UnavailableError(_BUSY)
    try:
        if not _decoding.acquire(timeout=DECODING_SECONDS):
            raise UnavailableError(_BUSY)
        try:
            yield
        finally:
            _decoding.release()
    finally:
        _places.release()
