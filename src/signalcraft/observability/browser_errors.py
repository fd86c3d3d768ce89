"""Errors of the web app, which its pages tell us and we tell the tracker.

A page sends what stands in `BrowserError` and nothing else, so there is no field for what a person has typed.
The report then goes the way of the gateway's own: scrubbed, by a queue that drops what is too much, to the
one tracker of the settings, which browsers neither know nor reach.
"""

from typing import Annotated, Literal

import sentry_sdk
from pydantic import BaseModel, ConfigDict, Field
from sentry_sdk.types import Event

from signalcraft.settings import Settings
from signalcraft.texts import ONE_LINE, SEVERAL_LINES, StrictRowId, Whole

OWN_FILES = "/static/js/"
"""Files below it are ours; others are libraries, extensions of the browser, or the browser itself."""

_Line = Annotated[int, Field(ge=0, le=10_000_000, strict=True), Whole]


class Frame(BaseModel):
    """One place of a stack."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(max_length=200, pattern=ONE_LINE, description="Path of the script, without its query.")
    function: str = Field("?", max_length=100, pattern=ONE_LINE)
    line: _Line | None = None
    column: _Line | None = None


class Thrown(BaseModel):
    """An error with its stack."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(max_length=100, pattern=ONE_LINE)
    message: str = Field(max_length=1000, pattern=SEVERAL_LINES)
    frames: list[Frame] = Field([], max_length=30, description="The place where it was thrown comes last.")


class BrowserError(BaseModel):
    """An error that a page did not expect. At most some 40 kB, by the bounds of its parts."""

    model_config = ConfigDict(extra="forbid")

    errors: list[Thrown] = Field(
        min_length=1, max_length=3, description="The error comes last, before it what caused it."
    )
    release: str = Field(min_length=1, max_length=64, pattern=r"^[\w.+-]+$", description="Of the page.")
    page: str = Field(max_length=200, pattern=ONE_LINE, description="Path of its address, without its query.")
    language: Literal["ko", "en"]
    browser: str = Field("", max_length=40, pattern=r"^[\w ./-]*$", description="Its kind and main version.")
    request_id: str | None = Field(
        None, max_length=64, pattern=r"^[\w.-]+$", description="Of the newest answer that the page had."
    )
    user_id: StrictRowId | None = None
    shop_id: StrictRowId | None = None


def report(error: BrowserError, settings: Settings) -> None:
    """Hand it to the tracker; returns at once, whatever the tracker does. As the page says, not as we know:
    its numbers help to find the person's requests, and prove nothing."""
    tags = {
        "process": "browser",
        "colour": settings.colour,
        "language": error.language,
        "browser": error.browser,
        "shop": error.shop_id,
        "request_id": error.request_id,
    }
    event: Event = {
        "platform": "javascript",  # type: ignore[typeddict-item]  # the SDK thinks of its own only
        "level": "error",
        "release": error.release,
        "server_name": "browser",
        "request": {"url": error.page},
        "tags": {name: str(value) for name, value in tags.items() if value},
        "exception": {"values": [_exception(thrown) for thrown in error.errors]},
    }
    if error.user_id is not None:
        event["user"] = {"id": str(error.user_id)}
    # Without a scope: those of this process and of this request are not the page's.
    sentry_sdk.get_client().capture_event(event)


def _exception(thrown: Thrown) -> dict[str, object]:
    frames = [
        {
            "filename": frame.file,
            "function": frame.function,
            "lineno": frame.line,
            "colno": frame.column,
            "in_app": frame.file.startswith(OWN_FILES),
        }
        for frame in thrown.frames
    ]
    return {
        "type": thrown.type,
        "value": thrown.message,
        "mechanism": {"type": "browser", "handled": False},
        **({"stacktrace": {"frames": frames}} if frames else {}),
    }
